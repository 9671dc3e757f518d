"""The entities of one relation, as relations that derive from it see them."""

from __future__ import annotations

from functools import cached_property

import pyarrow as pa

from mithra.graph.addresses import Addresses, parse
from mithra.graph.tenancy import plain_address

__all__ = ["Entities"]


class Entities:
    """Entities with their keys, [n]; addresses among them are parsed once for all that derive from them."""

    def __init__(self, keys: pa.Array, addresses: Addresses | None = None) -> None:
        self.keys = keys
        if addresses is not None:
            self.__dict__["addresses"] = addresses

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def addresses(self) -> Addresses:
        """The keys as addresses, [n], without the number of their tenancy."""
        return parse(plain_address(self.keys))
