"""The learners inside a model: networks and boosted trees on the same examples, their logits averaged.

Of undated records the network encodes a domain from few static features: with all of them, or with what other
trees make of them, it learnt the training names by heart, and spelling in full is the trees' part. Of dated
records, where each name counts as it arrived among thousands of others, it gains from all of them.
`Ensemble.fit` takes inputs, labels and the store; `Ensemble.logits` scores other inputs against any store
with the same columns. Each member leaves out another fold of the groups, which stops it early; what members
say of their own folds is what scores are calibrated on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from torch import Tensor

from mithra.errors import UsageError
from mithra.features.columns import FeatureTable
from mithra.features.given import GIVEN_PREFIX
from mithra.features.lexical import CATEGORICAL
from mithra.learn.boosting import LabelledTable, boosted, with_indicators
from mithra.learn.inputs import STATIC_POSITION, STATIC_REGISTRATION, Inputs, Store, kind_of
from mithra.learn.settings import TrainSettings
from mithra.metrics import average_precision
from mithra.nn.network import DomainNetwork, NetworkShape
from mithra.nn.tensors import Scaler, Tokens, tokens

__all__ = ["NETWORK_LEXICAL", "Ensemble", "HeldOut", "Labelled", "Member"]

NETWORK_LEXICAL = ("sld_length", "sld_bigram_bits", "subdomain_count")
CHECK_EVERY_EPOCHS = 3
LABEL_SMOOTHING = 0.1  # of the networks: labels are noisy, see docs/decisions.md


@dataclass(frozen=True, eq=False)
class Labelled:
    """Inputs with labels and weights."""

    inputs: Inputs
    y: NDArray[np.int8]  # [examples]
    weight: NDArray[np.float32]  # [examples]


@dataclass(frozen=True, eq=False)
class Member:
    """One network and one tree ensemble."""

    network: DomainNetwork
    trees: Any  # lightgbm.Booster


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What members say of examples that they were not fitted on: sums of logits, and over how many."""

    network: NDArray[np.float64]  # [examples]
    trees: NDArray[np.float64]  # [examples]
    members: NDArray[np.int64]  # [examples]

    @classmethod
    def empty(cls, examples: int) -> HeldOut:
        """Nothing said yet."""
        return cls(np.zeros(examples), np.zeros(examples), np.zeros(examples, np.int64))

    def add(self, rows: NDArray[np.int64], network: NDArray[np.float64], trees: NDArray[np.float64]) -> None:
        """One member's logits of these examples."""
        self.network[rows] += network
        self.trees[rows] += trees
        self.members[rows] += 1

    def of(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean logits of networks and of trees for examples that some member held out, each [rows]."""
        return self.network[rows] / self.members[rows], self.trees[rows] / self.members[rows]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Members that agree on columns; a logit is the mean over networks and trees."""

    members: tuple[Member, ...]
    static: Scaler
    dynamic: Scaler
    static_names: tuple[str, ...]
    network_names: tuple[str, ...]  # those of the static ones that the networks read
    dynamic_names: tuple[str, ...]
    flat_names: tuple[str, ...]
    relations: tuple[str, ...]
    share: float = 0.5  # of the networks in a logit; the rest is the trees'

    @classmethod
    def fit(
        cls,
        examples: Labelled,
        fold: NDArray[np.int64],
        store: Store,
        settings: TrainSettings,
        *,
        progress: Progress | None = None,
    ) -> tuple[Ensemble, HeldOut]:
        """Fit every member, each on all folds but one of its own, which stops it and which it then scores.

        Args:
            fold: [examples] from 0; member k holds out fold k, and begins again after the last one.
            store: static features of every domain that can be met.
        """
        network_names = _network_names(examples.inputs)
        own = examples.inputs.static.select(network_names)
        table = with_indicators(examples.inputs.flat(), np.arange(len(examples.y)))
        static = Scaler.fit(own.values)
        dynamic = Scaler.fit(examples.inputs.dynamic.values)
        whole = _Part(
            static.transform(own.values),
            dynamic.transform(examples.inputs.dynamic.values),
            _tokens(examples.inputs, static.transform(store.static.select(network_names).values)),
            examples.y,
            examples.weight,
        )
        task = progress.add_task("training", total=settings.members * settings.epochs) if progress else None

        def advance(epochs: int) -> None:
            if progress is not None and task is not None:
                progress.advance(task, epochs)

        members = []
        held_out = HeldOut.empty(len(examples.y))
        threads = torch.get_num_threads()
        torch.set_num_threads(settings.threads)
        try:
            for k in range(settings.members):
                seed = settings.seed * 1000 + k
                out = fold == k % (int(fold.max()) + 1)
                rows = [np.flatnonzero(part) for part in (~out, out)]
                tables = [LabelledTable(table.take(r), examples.y[r], examples.weight[r]) for r in rows]
                trees = boosted(*tables, seed=seed, threads=settings.threads)
                train, val = (whole.take(r) for r in rows)
                network = _fit_network(train, val, settings, seed, advance)
                members.append(Member(network, trees))
                held_out.add(
                    rows[1], _logits(network, val), trees.predict(tables[1].table.values, raw_score=True)
                )
        finally:
            torch.set_num_threads(threads)
        ensemble = cls(
            tuple(members),
            static,
            dynamic,
            examples.inputs.static.names,
            network_names,
            examples.inputs.dynamic.names,
            table.names,
            tuple(examples.inputs.company),
        )
        return ensemble, held_out

    def parts(self, inputs: Inputs, store: Store) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean logits of the networks and of the trees, each [examples]."""
        self._check(inputs)
        values = self._flat(inputs).values
        network = self._networks(*self._scaled(inputs, store))
        trees = [member.trees.predict(values, raw_score=True) for member in self.members]
        return network, np.asarray(np.mean(trees, axis=0))

    def logits(self, inputs: Inputs, store: Store) -> NDArray[np.float64]:
        """Uncalibrated log-odds of being nefarious, [examples]."""
        network, trees = self.parts(inputs, store)
        return np.asarray(self.share * network + (1 - self.share) * trees)

    def contributions(self, inputs: Inputs, store: Store) -> dict[str, NDArray[np.float64]]:
        """What each kind of evidence adds to the log-odds, [examples] a kind.

        Trees: exact SHAP values, summed by kind. Networks: the change of the logit when the kind is taken
        away (its relations emptied, its features set to their mean). An average of the two.
        """
        flat = self._flat(inputs)
        shap = np.mean(
            [member.trees.predict(flat.values, pred_contrib=True)[:, :-1] for member in self.members], axis=0
        )
        kinds = [kind_of(name) for name in flat.names]
        by_trees = {
            kind: shap[:, [i for i, k in enumerate(kinds) if k == kind]].sum(axis=1)
            for kind in sorted(set(kinds))
        }
        own, dynamic, met = self._scaled(inputs, store)
        whole = self._networks(own, dynamic, met)
        result = {}
        for kind, shares in by_trees.items():
            less = self._networks(
                _blank(own, self.network_names, kind),
                _blank(dynamic, self.dynamic_names, kind),
                {name: one for name, one in met.items() if kind_of(name) != kind},
            )
            result[kind] = np.asarray(self.share * (whole - less) + (1 - self.share) * shares)
        return result

    def _networks(self, own: Tensor, dynamic: Tensor, met: Mapping[str, Tokens]) -> NDArray[np.float64]:
        """Mean logits of the networks, [examples]."""
        with torch.no_grad():
            logits = [member.network(own, dynamic, met) for member in self.members]
        return np.asarray(torch.stack(logits).mean(dim=0).numpy(), dtype=np.float64)

    def _scaled(self, inputs: Inputs, store: Store) -> tuple[Tensor, Tensor, dict[str, Tokens]]:
        """Own static and dynamic features, and the tokens, as the networks read them."""
        own = self.static.transform(inputs.static.select(self.network_names).values)
        everyone = self.static.transform(store.static.select(self.network_names).values)
        return own, self.dynamic.transform(inputs.dynamic.values), _tokens(inputs, everyone)

    def _flat(self, inputs: Inputs) -> FeatureTable:
        """The trees' table with the columns of training; a relation that is missing is missing values."""
        flat = inputs.flat()
        have = {name: i for i, name in enumerate(flat.names)}
        values = np.full((len(inputs), len(self.flat_names)), np.nan, dtype=np.float32)
        for place, name in enumerate(self.flat_names):
            column, _, code = name.rpartition("_")
            if name in have:
                values[:, place] = flat.values[:, have[name]]
            elif column in CATEGORICAL:
                values[:, place] = flat.values[:, have[column]] == int(code)
            elif name.endswith("_entities"):
                values[:, place] = 0
        return FeatureTable(self.flat_names, values)

    def _check(self, inputs: Inputs) -> None:
        if inputs.static.names != self.static_names or inputs.dynamic.names != self.dynamic_names:
            wanted = {*self.static_names, *self.dynamic_names}
            found = {*inputs.static.names, *inputs.dynamic.names}
            raise UsageError(
                "the snapshot does not have the features that the model was trained on",
                value=", ".join(sorted(wanted ^ found)),
                hint="Build the snapshot with this version of mithra, or train again",
            )


def _network_names(inputs: Inputs) -> tuple[str, ...]:
    """Static features that the networks' encoder reads; of dated records all but codes of suffixes."""
    if inputs.dated:
        return tuple(name for name in inputs.static.names if name not in CATEGORICAL)
    few = {*NETWORK_LEXICAL, *STATIC_REGISTRATION, *STATIC_POSITION}
    return tuple(name for name in inputs.static.names if name in few or name.startswith(GIVEN_PREFIX))


def _blank(scaled: Tensor, names: tuple[str, ...], kind: str) -> Tensor:
    """Scaled features with those of one kind at their mean; the missing flags of a kind stay."""
    blanked = scaled.clone()
    blanked[:, [i for i, name in enumerate(names) if kind_of(name) == kind]] = 0
    return blanked


@dataclass(frozen=True, eq=False)
class _Part:
    """Training or validation examples as the network reads them."""

    own: Tensor
    dynamic: Tensor
    met: Mapping[str, Tokens]
    y: NDArray[np.int8]
    weight: NDArray[np.float32]

    def take(self, rows: NDArray[np.int64]) -> _Part:
        return _Part(
            self.own[rows],
            self.dynamic[rows],
            {name: one.take(rows) for name, one in self.met.items()},
            self.y[rows],
            self.weight[rows],
        )


def _tokens(inputs: Inputs, everyone: Tensor) -> dict[str, Tokens]:
    return {name: tokens(company, everyone) for name, company in inputs.company.items()}


def _logits(network: DomainNetwork, part: _Part) -> NDArray[np.float64]:
    with torch.no_grad():
        return np.asarray(network(part.own, part.dynamic, part.met).numpy(), dtype=np.float64)


def _fit_network(
    train: _Part, val: _Part, settings: TrainSettings, seed: int, advance: Callable[[int], None]
) -> DomainNetwork:
    """One network, stopped on the average precision of validation; batches are drawn once."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    shape = NetworkShape(
        static=train.own.shape[1],
        dynamic=train.dynamic.shape[1],
        relations=tuple(train.met),
        width=settings.width,
        dropout=settings.dropout,
    )
    network = DomainNetwork(shape)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    rows = rng.permutation(len(train.y))
    batches = [train.take(part) for part in np.array_split(rows, -(-len(rows) // settings.batch))]
    best, best_state, waited = -1.0, copy.deepcopy(network.state_dict()), 0
    for epoch in range(1, settings.epochs + 1):
        network.train()
        for i in rng.permutation(len(batches)):
            _step(network, optimiser, batches[i])
        advance(1)
        if epoch % CHECK_EVERY_EPOCHS:
            continue
        network.eval()
        score = average_precision(val.y, _logits(network, val))
        if score > best:
            best, best_state, waited = score, copy.deepcopy(network.state_dict()), 0
            continue
        waited += CHECK_EVERY_EPOCHS
        if waited >= settings.patience:
            advance(settings.epochs - epoch)
            break
    network.load_state_dict(best_state)
    network.eval()
    return network


def _step(network: DomainNetwork, optimiser: torch.optim.Optimizer, batch: _Part) -> None:
    """One step on smoothed labels (Szegedy et al. 2016, arXiv 1512.00567)."""
    optimiser.zero_grad()
    target = LABEL_SMOOTHING / 2 + (1 - LABEL_SMOOTHING) * batch.y
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        network(batch.own, batch.dynamic, batch.met),
        torch.from_numpy(target.astype(np.float32)),
        weight=torch.from_numpy(batch.weight),
    )
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
    optimiser.step()
