"""The bar that the network has to clear, by the names under which it is asked for."""

from __future__ import annotations

from collections.abc import Mapping

from mithra.learn.belief import belief_propagation
from mithra.learn.contest import Contestant
from mithra.learn.trees import trees_lexical, trees_neighbours

__all__ = ["BASELINES"]

BASELINES: Mapping[str, Contestant] = {
    "trees-lexical": trees_lexical,
    "trees-neighbours": trees_neighbours,
    "belief-propagation": belief_propagation,
}
