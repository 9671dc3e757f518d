"""The network: what a domain is by itself, and whom it meets, relation by relation.

At each entity an example meets other domains; the mean of their features and a few traits of the meeting are
a token. A small layer reads every token, the mean and the maximum over a relation's tokens make its context,
and the head reads own encoding, contexts and facts as of now. Token features are plain sums over the store,
fixed before training: they merge, survive retraining and serve a new name at once. Kin are never met, so that
training sees what arrival is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.nn.aggr import MultiAggregation

from mithra.nn.tensors import Tokens

__all__ = ["DomainNetwork", "NetworkShape"]


@dataclass(frozen=True)
class NetworkShape:
    """Everything needed to build the network before its weights are loaded."""

    static: int  # columns of what a domain is by itself, the same in own features and tokens
    dynamic: int  # columns of facts as of the example's time
    relations: tuple[str, ...]
    width: int = 48
    dropout: float = 0.3
    relation_dropout: float = 0.1  # chance that a relation is missing in a training step


class DomainNetwork(nn.Module):
    """Typed message passing over domain–entity relations, for examples that arrive."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.own = nn.Sequential(
            nn.Linear(shape.static, 2 * width),
            nn.ReLU(),
            nn.Dropout(shape.dropout),
            nn.Linear(2 * width, width),
        )
        self.token = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(shape.static + Tokens.TRAITS, width), nn.ReLU(), nn.Dropout(shape.dropout)
                )
                for name in shape.relations
            }
        )
        self.pool = MultiAggregation(["mean", "max"])
        self.mix = nn.ModuleDict(
            {name: nn.Linear(2 * width + 2, width, bias=False) for name in shape.relations}
        )
        self.now = nn.Linear(shape.dynamic, width, bias=False)
        self.head = nn.Sequential(
            nn.ReLU(),
            nn.Dropout(shape.dropout),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Dropout(shape.dropout),
            nn.Linear(width, 1),
        )

    def forward(self, own: Tensor, dynamic: Tensor, met: Mapping[str, Tokens]) -> Tensor:
        """Logits of being nefarious, [examples].

        Args:
            own: static features of the examples, [examples, static].
            dynamic: facts as of each example's time, [examples, dynamic].
            met: the examples' tokens by relation; a relation that is missing counts as empty.
        """
        total = self.own(own) + self.now(dynamic)  # [examples, width]
        for name in self.shape.relations:
            if name in met and not self._dropped():
                total = total + self.mix[name](self._context(name, met[name]))
        logits: Tensor = self.head(total).squeeze(1)
        return logits

    def _context(self, name: str, met: Tokens) -> Tensor:
        """Pooled tokens and how many there are, [examples, 2 width + 2]."""
        pooled = self.pool(self.token[name](met.values), met.example, dim_size=met.examples)
        degree = torch.bincount(met.example, minlength=met.examples).unsqueeze(1).to(pooled.dtype)
        return torch.cat([pooled, torch.log1p(degree), (degree == 0).to(pooled.dtype)], dim=1)

    def _dropped(self) -> bool:
        return self.training and bool(torch.rand(()) < self.shape.relation_dropout)
