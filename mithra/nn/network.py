"""The network: encode each domain, pool the company at each of its entities, relation by relation.

A domain's own encoding comes from what never changes about it (name, registration at first sight). At each
entity it meets other domains; the mean of their encodings and a few traits of the meeting make a token;
the mean and the maximum of a relation's tokens, and how many there are, make the domain's context. The head
reads own encoding, contexts, and facts as of now. Kin are never met, so that training sees what arrival is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.nn.aggr import MultiAggregation

from mithra.nn.tensors import Meetings

__all__ = ["DomainNetwork", "NetworkShape"]


@dataclass(frozen=True)
class NetworkShape:
    """Everything needed to build the network before its weights are loaded."""

    static: int  # columns that the encoder reads
    dynamic: int  # columns that only the head reads
    relations: tuple[str, ...]
    width: int = 64
    rounds: int = 1
    dropout: float = 0.3
    relation_dropout: float = 0.1


class DomainNetwork(nn.Module):
    """Typed message passing over domain–entity relations, for examples that arrive."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.encoder = nn.Sequential(
            nn.Linear(shape.static, 2 * width),
            nn.ReLU(),
            nn.Dropout(shape.dropout),
            nn.Linear(2 * width, width),
            nn.ReLU(),
        )
        self.rounds = nn.ModuleList(_Round(shape) for _ in range(shape.rounds))
        self.head = nn.Sequential(
            nn.Linear(width + shape.dynamic, width), nn.ReLU(), nn.Dropout(shape.dropout), nn.Linear(width, 1)
        )

    def forward(
        self,
        store: Tensor,
        own: Tensor,
        dynamic: Tensor,
        met: Mapping[str, Meetings],
        store_met: Mapping[str, Meetings] | None = None,
    ) -> Tensor:
        """Logits of being nefarious, [examples].

        Args:
            store: static features of every domain that can be met, [domains, static].
            own: static features of the examples, [examples, static].
            dynamic: facts as of each example's time, [examples, dynamic].
            met: the examples' company by relation; a relation that is missing counts as empty.
            store_met: company of the store's own domains; needed from the second round on.
        """
        encoded, state = self.encoder(store), self.encoder(own)
        for depth, one_round in enumerate(self.rounds):
            after = one_round(state, encoded, met)
            if depth + 1 < len(self.rounds):
                encoded = one_round(encoded, encoded, store_met or {})
            state = after
        logits: Tensor = self.head(torch.cat([state, dynamic], dim=1)).squeeze(1)
        return logits


class _Round(nn.Module):
    """One exchange: every example hears of the company at its entities."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.relations: Sequence[str] = shape.relations
        self.relation_dropout = shape.relation_dropout
        width = shape.width
        self.token = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(width + Meetings.TRAITS, width), nn.ReLU(), nn.Dropout(shape.dropout)
                )
                for name in shape.relations
            }
        )
        self.pool = MultiAggregation(["mean", "max"])
        self.mix = nn.ModuleDict(
            {name: nn.Linear(2 * width + 2, width, bias=False) for name in shape.relations}
        )
        self.own = nn.Linear(width, width)
        self.out = nn.Sequential(nn.ReLU(), nn.Dropout(shape.dropout))

    def forward(self, state: Tensor, encoded: Tensor, met: Mapping[str, Meetings]) -> Tensor:
        total: Tensor = self.own(state)  # [examples, width]
        for name in self.relations:
            if name in met and not self._dropped():
                total = total + self.mix[name](self._context(name, met[name], encoded))
        mixed: Tensor = self.out(total)
        return mixed

    def _context(self, name: str, met: Meetings, encoded: Tensor) -> Tensor:
        """Pooled tokens and how many, [examples, 2 width + 2]."""
        tokens = self.token[name](torch.cat([met.company_mean(encoded), met.traits], dim=1))
        pooled = self.pool(tokens, met.example, dim_size=met.examples)
        degree = torch.bincount(met.example, minlength=met.examples).unsqueeze(1).to(tokens.dtype)
        return torch.cat([pooled, torch.log1p(degree), (degree == 0).to(tokens.dtype)], dim=1)

    def _dropped(self) -> bool:
        return self.training and bool(torch.rand(()) < self.relation_dropout)
