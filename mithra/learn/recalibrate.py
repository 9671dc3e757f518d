"""The verb `calibrate`: a model's scores and thresholds on an operator's own traffic, without training.

In come the names that arrived since training, with the labels known by a moment; or only a base rate, which
shifts all log-odds alike. The ranking stays what it was, and so does what the model reads.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mithra.errors import InputError, LeakError, UsageError
from mithra.graph.take import moment
from mithra.learn.arrivals import arrivals
from mithra.learn.calibrate import Platt, budget_thresholds
from mithra.learn.examples import BENIGN, NEFARIOUS, UNLABELLED
from mithra.learn.model import Model
from mithra.metrics import calibration_error
from mithra.observe.workspace import Workspace

__all__ = ["calibrate"]

MIN_NEFARIOUS, MIN_BENIGN = 50, 500
DAY_SECONDS = 86_400


def calibrate(
    model: Model,
    workspace: Workspace | str | Path | None = None,
    as_of: datetime | str | None = None,
    *,
    base_rate: float | None = None,
    progress: bool = False,
) -> Model:
    """The model calibrated on names that arrived since it was trained, or for another base rate.

    Args:
        workspace, as_of: names first seen between the model's `as_of` and a waiting window before this one,
            with the labels known by then; the calibrated model's `as_of` is this moment.
        base_rate: share of nefarious names in the traffic to score; with a workspace, its labels are
            weighted to it.

    Raises:
        UsageError: neither a workspace with `as_of` nor a base rate, or one that is no share.
        LeakError: `as_of` does not lie after the model's.
        InputError: too few labelled names.
    """
    if base_rate is not None and not 0 < base_rate < 1:
        raise UsageError("a base rate lies between 0 and 1", value=base_rate)
    if workspace is None or as_of is None:
        if base_rate is None or workspace is not None or as_of is not None:
            raise UsageError("calibrating needs a workspace and as_of, or a base rate alone")
        return _shifted(model, base_rate)
    end = moment(as_of)
    if model.as_of is None or end <= model.as_of:
        raise LeakError("the model has seen the labels to calibrate on", value=end.isoformat())
    space = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
    found = arrivals(space, model.as_of, end, end, model.settings, progress=progress)
    waited = found.first_seen <= end.timestamp() - model.settings.waiting_days * DAY_SECONDS
    known = np.flatnonzero(waited & (found.y != UNLABELLED))
    y = found.y[known]
    counts = {"nefarious": int((y == NEFARIOUS).sum()), "benign": int((y == BENIGN).sum())}
    if counts["nefarious"] < MIN_NEFARIOUS or counts["benign"] < MIN_BENIGN:
        raise InputError(
            f"too few labelled arrivals: {MIN_NEFARIOUS} nefarious and {MIN_BENIGN} benign ones are needed",
            value=counts,
            hint="Take a later as_of, ingest more labels, or give a base rate alone",
        )
    prediction = model.predict(found.graph, found.examples.take(known))
    weight = _weights(y, base_rate)
    fitted = Platt.fit(prediction.logit, y, weight)
    told: dict[str, Any] = {
        "as_of": end.isoformat(),
        "since": model.as_of.isoformat(),
        "from": model.digest,
        **counts,
        "ece_before": calibration_error(y, prediction.score),
    }
    if base_rate is None:  # the labels are weighted otherwise, and would not show it
        half = found.graph.group[found.domain[known]] % 2 == 0
        if all(len(np.unique(y[part])) == 2 for part in (half, ~half)):
            tried = Platt.fit(prediction.logit[half], y[half]).probability(prediction.logit[~half])
            told["ece_on_groups_left_out"] = calibration_error(y[~half], tried)
    return replace(
        model,
        platt=_after(model.platt, fitted),
        thresholds=budget_thresholds(fitted.probability(prediction.logit), y),
        as_of=end,
        base_rate=float(np.average(y, weights=weight)),
        card={**model.card, "calibrated": told},
    )


def _shifted(model: Model, base_rate: float) -> Model:
    """All log-odds moved by the change of the prior; a threshold moves along and flags the same names."""
    shift = Platt(1.0, _logit(base_rate) - _logit(model.base_rate))
    thresholds = {
        budget: float(shift.probability(np.array([_logit(at)]))[0]) if 0 < at < 1 else at
        for budget, at in model.thresholds.items()
    }
    told = {"from": model.digest, "base_rate_before": model.base_rate, "base_rate": base_rate}
    return replace(
        model,
        platt=_after(model.platt, shift),
        thresholds=thresholds,
        base_rate=base_rate,
        card={**model.card, "calibrated": told},
    )


def _after(first: Platt, then: Platt) -> Platt:
    """One scaling after another as one."""
    return Platt(then.slope * first.slope, then.slope * first.offset + then.offset)


def _weights(y: NDArray[np.int8], base_rate: float | None) -> NDArray[np.float32]:
    weight = np.ones(len(y), np.float32)
    if base_rate is not None:
        share = float((y == NEFARIOUS).mean())
        weight[y == NEFARIOUS], weight[y == BENIGN] = base_rate / share, (1 - base_rate) / (1 - share)
    return weight


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))
