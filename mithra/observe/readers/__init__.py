"""Readers, one file a format family. `READERS` is in the order in which sniffing asks them."""

from __future__ import annotations

from mithra.observe.readers import pdns
from mithra.observe.readers.base import Reader

__all__ = ["READERS"]

READERS: list[Reader] = [*pdns.READERS]
