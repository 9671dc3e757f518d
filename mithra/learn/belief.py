"""Belief propagation over the domain–entity graph: guilt by association, as the classic baseline has it.

Names start from what their spelling says, training names from their label; entities start from nothing.
Messages run along edges until beliefs settle. One strength holds for all edges, damped at hubs; it is chosen
on validation names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mithra.learn.contest import Case, Predict
from mithra.learn.trees import trees_lexical
from mithra.metrics import average_precision

__all__ = ["belief_propagation"]

STRENGTHS = (
    0.0,
    0.05,
    0.1,
    0.2,
    0.3,
    0.45,
)  # how far an edge agrees: both ends alike with (1 + strength) / 2
LABEL_LOG_ODDS = 4.0
ROUNDS = 10
DAMPING = 0.5  # share of the old message that stays, so that loops cannot swing


def belief_propagation(case: Case, seed: int) -> Predict:
    """Loopy belief propagation with a lexical prior and the labels of training names."""
    everyone = np.arange(len(case.snapshot))
    prior = _logit(trees_lexical(case, seed)(everyone))
    graph = _Graph.of(case)
    evidence = prior.copy()
    evidence[case.train] = np.where(case.y[case.train] == 1, LABEL_LOG_ODDS, -LABEL_LOG_ODDS)
    truth = case.y[case.val]

    tried = {strength: graph.beliefs(evidence, strength) for strength in STRENGTHS}
    best = max(STRENGTHS, key=lambda strength: average_precision(truth, tried[strength][case.val]))
    return lambda rows: 1 / (1 + np.exp(-tried[best][rows]))


@dataclass(frozen=True, eq=False)
class _Graph:
    """Edges of all relations in one list; entity ids of one relation follow those of another."""

    domain: NDArray[np.int64]  # [edges]
    entity: NDArray[np.int64]  # [edges]
    weight: NDArray[np.float64]  # [edges] 1 for a plain edge, less at a hub
    stored: NDArray[np.bool_]  # [edges] edges of names that others can meet
    entities: int

    @classmethod
    def of(cls, case: Case) -> _Graph:
        domains, entities, weights, count = [], [], [], 0
        for relation in case.snapshot.relations.values():
            domains.append(relation.domain_of_edge().astype(np.int64))
            entities.append(relation.indices.astype(np.int64) + count)
            weights.append(relation.weight.astype(np.float64))
            count += len(relation.entities)
        domain = np.concatenate(domains)
        return cls(domain, np.concatenate(entities), np.concatenate(weights), case.store[domain], count)

    def beliefs(self, evidence: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
        """Log-odds of every name, [names]: settled for the store, one last message for the others."""
        domain, entity = self.domain[self.stored], self.entity[self.stored]
        agreement = strength * self.weight[self.stored]
        to_entity, to_domain = np.zeros(len(domain)), np.zeros(len(domain))
        shared = np.zeros(self.entities)
        for _ in range(ROUNDS):
            name = evidence + np.bincount(domain, to_domain, len(evidence))
            to_entity = _mix(to_entity, _passed(name[domain] - to_domain, agreement))
            shared = np.bincount(entity, to_entity, self.entities).astype(np.float64)
            to_domain = _mix(to_domain, _passed(shared[entity] - to_entity, agreement))
        new = ~self.stored
        last = _passed(shared[self.entity[new]], strength * self.weight[new])
        received = np.bincount(domain, to_domain, len(evidence))
        return evidence + received + np.bincount(self.domain[new], last, len(evidence))


def _passed(log_odds: NDArray[np.float64], agreement: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the other end of an edge hears: log-odds through a symmetric channel."""
    return np.asarray(2 * np.arctanh(agreement * np.tanh(log_odds / 2)))


def _mix(old: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    return DAMPING * old + (1 - DAMPING) * new


def _logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(probability) - np.log1p(-probability))
