"""A trained model: an ensemble, its calibration and thresholds, and where it came from.

A model folder holds data only: `model.json`, tensors as safetensors, trees in LightGBM's text form. Every
file is listed in the manifest with its digest, and a folder that does not match is refused.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.errors import InputError, IntegrityError
from mithra.features.columns import FeatureTable
from mithra.graph.company import Examples
from mithra.graph.snapshot import Snapshot
from mithra.learn.calibrate import Platt
from mithra.learn.drift import RECENT_DAYS, REFERENCE_DAYS, Drift, Reference, last_arrivals
from mithra.learn.ensemble import Ensemble, Member
from mithra.learn.inputs import Inputs, Store, example_inputs, name_inputs, store_of
from mithra.learn.owner import OwnerModel, Owners
from mithra.learn.settings import TrainSettings
from mithra.nn.network import DomainNetwork, NetworkShape
from mithra.nn.tensors import Scaler

__all__ = ["FORMAT", "Model", "Prediction", "load"]

FORMAT = 3
MANIFEST = "model.json"
REFERENCE = "reference.json"
OWNER = "owner.json"
CHUNK_EXAMPLES = 50_000
SCALER_PARTS = ("mean", "deviation", "may_miss")
DEFAULT_BUDGET = "0.001"

_stores: WeakKeyDictionary[Snapshot, Store] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Prediction:
    """Scores of examples."""

    score: NDArray[np.float64]  # [examples] calibrated probability of being nefarious
    logit: NDArray[np.float64]  # [examples] its log-odds


@dataclass(frozen=True, eq=False)
class Model:
    """Scores domains of any snapshot that has the relations and features it knows; missing ones may lack."""

    ensemble: Ensemble
    platt: Platt
    thresholds: Mapping[str, float]  # false-positive budget -> lowest score to flag
    settings: TrainSettings
    as_of: datetime | None
    simulated: bool
    base_rate: float  # share of nefarious examples that the scores are calibrated for
    about: Mapping[str, Any] = field(default_factory=dict)  # window, counts, versions, digests
    card: Mapping[str, Any] = field(default_factory=dict)  # the report card on held-out groups
    reference: Reference | None = None  # what arrived before training; None where too few did
    owner: OwnerModel | None = None  # tells owner kinds; None where nobody told any to learn from

    def predict(
        self,
        snapshot: Snapshot,
        examples: Examples,
        *,
        store: NDArray[np.bool_] | None = None,
        kin: NDArray[np.int32] | None = None,
    ) -> Prediction:
        """Scores of examples of a snapshot; `store` and `kin` as in `mithra.graph.company.companies`."""
        known = _store(snapshot)
        raw = [
            self.ensemble.logits(
                example_inputs(snapshot, examples.take(rows), known, store=store, kin=kin), known
            )
            for rows in _chunks(len(examples))
        ]
        return self._prediction(np.concatenate(raw) if raw else np.empty(0))

    def contributions(self, snapshot: Snapshot, examples: Examples) -> dict[str, NDArray[np.float64]]:
        """Calibrated log-odds that each kind of evidence adds, [examples] a kind; positive is worse."""
        known = _store(snapshot)
        parts = [
            self.ensemble.contributions(example_inputs(snapshot, examples.take(rows), known), known)
            for rows in _chunks(len(examples))
        ]
        kinds = parts[0] if parts else {}
        return {kind: self.platt.slope * np.concatenate([part[kind] for part in parts]) for kind in kinds}

    def predict_names(self, names: pa.Array) -> Prediction:
        """Scores of canonical names by their spelling alone, [names]."""
        inputs = name_inputs(names, self.ensemble.static_names, self.ensemble.dynamic_names)
        return self._prediction(self.ensemble.logits(inputs, _nobody(inputs)))

    def owners(self, snapshot: Snapshot, examples: Examples) -> Owners | None:
        """Owner kinds of examples, supposing that they are nefarious; None where the model knows none."""
        return None if self.owner is None else self.owner.owners(snapshot, examples)

    def drift(self, snapshot: Snapshot, examples: Examples | None = None) -> Drift | None:
        """How far examples, by default the snapshot's last arrivals, are from what arrived before training.

        None where it cannot be told: no reference, no dates, too few names.
        """
        if examples is None:
            examples = last_arrivals(snapshot, RECENT_DAYS, self.settings.arrival_hours, self.settings.seed)
        if self.reference is None or examples is None:
            return None
        return self.reference.drift(*self._described(snapshot, examples), examples.at)

    def with_reference(self, snapshot: Snapshot) -> Model:
        """The same model that remembers what arrived in the last weeks of this snapshot."""
        examples = last_arrivals(snapshot, REFERENCE_DAYS, self.settings.arrival_hours, self.settings.seed)
        if examples is None:
            return self
        return replace(self, reference=Reference.of(*self._described(snapshot, examples)))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that decides a score."""
        whole = sha256()
        for name, content in sorted(self._files().items()):
            whole.update(name.encode() + b"\0" + sha256(content).digest())
        rest = {
            "share": self.ensemble.share,
            "platt": asdict(self.platt),
            "thresholds": dict(self.thresholds),
        }
        whole.update(json.dumps(rest, sort_keys=True).encode())
        return whole.hexdigest()

    def with_card(self, card: Mapping[str, Any]) -> Model:
        """The same model with this report card."""
        return replace(self, card=card)

    def save(self, path: str | Path) -> Path:
        """Write the model folder, all of it or nothing; a folder that is there is replaced."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not (path / MANIFEST).is_file():
            raise InputError("will not replace a path that is no model folder", file=path)
        files = self._files()
        manifest = {
            "format": FORMAT,
            "digest": self.digest,
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
            "simulated": self.simulated,
            "base_rate": self.base_rate,
            "platt": asdict(self.platt),
            "thresholds": dict(self.thresholds),
            "share": self.ensemble.share,
            "settings": asdict(self.settings),
            "columns": {
                "static": self.ensemble.static_names,
                "network": self.ensemble.network_names,
                "dynamic": self.ensemble.dynamic_names,
                "flat": self.ensemble.flat_names,
                "relations": self.ensemble.relations,
            },
            "shapes": [asdict(member.network.shape) for member in self.ensemble.members],
            "about": self.about,
            "card": self.card,
            "files": {name: sha256(content).hexdigest() for name, content in files.items()},
        }
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        try:
            for name, content in files.items():
                (folder / name).write_bytes(content)
            (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
            folder.chmod(0o755)
            if path.exists():
                shutil.rmtree(path)
            os.replace(folder, path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return path

    def _described(self, snapshot: Snapshot, examples: Examples) -> tuple[FeatureTable, NDArray[np.float64]]:
        """What the trees read of examples, and their log-odds before calibration."""
        known = _store(snapshot)
        inputs = example_inputs(snapshot, examples, known)
        return inputs.flat(), self.ensemble.logits(inputs, known)

    def _prediction(self, raw: NDArray[np.float64]) -> Prediction:
        return Prediction(self.platt.probability(raw), self.platt.logit(raw))

    def _files(self) -> dict[str, bytes]:
        from safetensors.numpy import save

        files = {}
        scalers = {"static": self.ensemble.static, "dynamic": self.ensemble.dynamic}
        files["scalers.safetensors"] = save(
            {f"{name}.{part}": getattr(one, part) for name, one in scalers.items() for part in SCALER_PARTS}
        )
        for i, member in enumerate(self.ensemble.members):
            tensors = {f"network.{k}": v.numpy() for k, v in member.network.state_dict().items()}
            files[f"member-{i}.safetensors"] = save(tensors)
            files[f"trees-{i}.txt"] = member.trees.model_to_string().encode()
        if self.reference is not None:
            files[REFERENCE] = self.reference.to_bytes()
        if self.owner is not None:
            files[OWNER] = self.owner.to_bytes()
        return files


def load(path: str | Path) -> Model:
    """Read a model folder.

    Raises:
        InputError: no model folder, or one of a format that this version does not know.
        IntegrityError: a file is missing or does not match its digest.
    """
    from safetensors.numpy import load as load_tensors

    path = Path(path)
    manifest = _manifest(path)
    contents = {name: _checked(path / name, digest) for name, digest in manifest["files"].items()}
    scaled = load_tensors(contents["scalers.safetensors"])
    columns = {name: tuple(values) for name, values in manifest["columns"].items()}
    ensemble = Ensemble(
        members=tuple(
            _member(contents, i, NetworkShape(**{**shape, "relations": tuple(shape["relations"])}))
            for i, shape in enumerate(manifest["shapes"])
        ),
        static=Scaler(*(scaled[f"static.{part}"] for part in SCALER_PARTS)),
        dynamic=Scaler(*(scaled[f"dynamic.{part}"] for part in SCALER_PARTS)),
        static_names=columns["static"],
        network_names=columns["network"],
        dynamic_names=columns["dynamic"],
        flat_names=columns["flat"],
        relations=columns["relations"],
        share=manifest["share"],
    )
    as_of = manifest["as_of"]
    return Model(
        ensemble=ensemble,
        platt=Platt(**manifest["platt"]),
        thresholds=manifest["thresholds"],
        settings=TrainSettings(**manifest["settings"]),
        as_of=None if as_of is None else datetime.fromisoformat(as_of),
        simulated=manifest["simulated"],
        base_rate=manifest["base_rate"],
        about=manifest["about"],
        card=manifest["card"],
        reference=Reference.from_bytes(contents[REFERENCE]) if REFERENCE in contents else None,
        owner=OwnerModel.from_bytes(contents[OWNER]) if OWNER in contents else None,
    )


def _manifest(path: Path) -> dict[str, Any]:
    file = path / MANIFEST
    if not file.is_file():
        raise InputError("no model folder", file=path, hint=f"Expected a folder with {MANIFEST}")
    try:
        manifest = json.loads(file.read_text())
    except (ValueError, UnicodeDecodeError) as error:
        raise IntegrityError(f"the manifest cannot be read: {error}", file=file) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        found = manifest.get("format") if isinstance(manifest, dict) else None
        raise InputError(
            f"this version reads model format {FORMAT}", value=found, file=file, hint="Train the model again"
        )
    return manifest


def _checked(file: Path, digest: str) -> bytes:
    if file.name != str(file.relative_to(file.parent)) or not file.is_file():
        raise IntegrityError("a file of the model is missing", file=file, hint="Copy the whole folder again")
    content = file.read_bytes()
    if sha256(content).hexdigest() != digest:
        raise IntegrityError(
            "the file does not match the digest in the manifest",
            file=file,
            hint="Copy the whole folder again",
        )
    return content


def _member(contents: Mapping[str, bytes], i: int, shape: NetworkShape) -> Member:
    from safetensors.torch import load as load_tensors

    tensors = load_tensors(contents[f"member-{i}.safetensors"])
    network = DomainNetwork(shape)
    network.load_state_dict(
        {k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")}
    )
    network.eval()
    return Member(network, _trees(contents[f"trees-{i}.txt"]))


def _trees(content: bytes) -> Any:
    import lightgbm

    return lightgbm.Booster(model_str=content.decode())


def _store(snapshot: Snapshot) -> Store:
    """The store of a snapshot, made once for as long as the snapshot lives."""
    if snapshot not in _stores:
        _stores[snapshot] = store_of(snapshot)
    return _stores[snapshot]


def _nobody(inputs: Inputs) -> Store:
    """A store for examples that meet nobody."""
    return Store(inputs.static.take(np.empty(0, np.int64)))


def _chunks(size: int) -> list[NDArray[np.int64]]:
    return [np.arange(start, min(start + CHUNK_EXAMPLES, size)) for start in range(0, size, CHUNK_EXAMPLES)]
