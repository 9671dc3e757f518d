"""Training of the PyG reference models on a case, stopped early on the average precision of validation.

With the whole graph in view they are trained in the ordinary way. Where names arrive, training groups take
turns: those whose turn it is are attached alone, as any name that is scored later will be.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from mithra.features.columns import FeatureTable
from mithra.features.given import given
from mithra.features.lexical import lexical
from mithra.features.position import position
from mithra.learn.contest import Case, Contestant, Predict
from mithra.learn.ensemble import NETWORK_LEXICAL
from mithra.metrics import average_precision
from mithra.nn.reference import REFERENCE_KINDS, ReferenceGraph, ReferenceNet, reference_graph
from mithra.nn.tensors import Scaler

__all__ = ["REFERENCES", "ReferenceSettings", "fit_reference"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReferenceSettings:
    """How a reference model is trained; the defaults were chosen on other splits than those graded."""

    hidden: int = 64
    layers: int = 2
    dropout: float = 0.5
    learning_rate: float = 0.01
    weight_decay: float = 5e-4
    steps: int = 400
    patience: int = 80  # steps without a better validation before training ends
    check_every: int = 4  # steps between looks at validation
    turns: int = 5  # parts of the training groups that take turns where names arrive


def fit_reference(
    kind: str, case: Case, seed: int, settings: ReferenceSettings = ReferenceSettings()
) -> Predict:
    """A reference model ("rgcn", "sage" or "hgt") fitted on the case; the same for the same seed."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    x = _inputs(case)
    leave_out = ("etld_plus_one",)
    whole = reference_graph(case.snapshot, case.store, leave_out=leave_out)
    net = ReferenceNet(
        kind,
        whole,
        features=x.shape[1],
        hidden=settings.hidden,
        layers=settings.layers,
        dropout=settings.dropout,
    )
    optimizer = torch.optim.Adam(net.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    turns = _turns(case, rng, settings.turns, whole, leave_out)
    truth = torch.from_numpy(case.y.astype(np.float32))
    best, best_step, state = -1.0, 0, copy.deepcopy(net.state_dict())
    for step in range(settings.steps):
        graph, rows = turns[step % len(turns)]
        net.train()
        optimizer.zero_grad()
        logits = net(x, graph)[rows]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth[rows])
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves this one method untyped
        optimizer.step()
        if step % settings.check_every == 0:
            reached = average_precision(case.y[case.val], _probability(net, x, whole)[case.val])
            if reached > best:
                best, best_step, state = reached, step, copy.deepcopy(net.state_dict())
            elif step - best_step >= settings.patience:
                break
    log.debug("%s: step %d, validation AP %.4f", kind, best_step, best)
    net.load_state_dict(state)
    return lambda rows: _probability(net, x, whole)[rows]


def _inputs(case: Case) -> torch.Tensor:
    """Scaled features of every domain, [domains, features]; with more of the spelling they score lower."""
    everyone = np.arange(len(case.snapshot))
    table = lexical(case.snapshot.names).select(NETWORK_LEXICAL)
    table = table.concat(given(case.snapshot)).concat(_degrees(case))
    table = table.concat(position(case.snapshot, everyone, case.at))
    return Scaler.fit(table.values[case.train]).transform(table.values)


def _degrees(case: Case) -> FeatureTable:
    """Own entities of each domain, by relation: how many there are is no part of a mean of messages."""
    relations = case.snapshot.relations.items()
    return FeatureTable.from_columns({f"{name}_degree": np.diff(r.indptr) for name, r in relations})


def _turns(
    case: Case, rng: np.random.Generator, turns: int, whole: ReferenceGraph, leave_out: tuple[str, ...]
) -> list[tuple[ReferenceGraph, torch.Tensor]]:
    """Graph and training rows of each step in turn."""
    if not case.arrives:
        return [(whole, torch.from_numpy(case.train))]
    group = case.snapshot.group
    turn = rng.integers(0, turns, int(group.max()) + 1)[group]
    parts = []
    for k in range(turns):
        senders = case.store & (turn != k)
        rows = case.train[turn[case.train] == k]
        parts.append((reference_graph(case.snapshot, senders, leave_out=leave_out), torch.from_numpy(rows)))
    return parts


def _probability(net: ReferenceNet, x: torch.Tensor, graph: ReferenceGraph) -> NDArray[np.float64]:
    net.eval()
    with torch.no_grad():
        return np.asarray(torch.sigmoid(net(x, graph)).double().numpy())


REFERENCES: Mapping[str, Contestant] = {kind: partial(fit_reference, kind) for kind in REFERENCE_KINDS}
