"""Groups of domains by eTLD+1 (private suffixes counted), the unit of splits and of blocking.

A name that is itself a public suffix (`github.io`) has no eTLD+1 and is its own group.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.graph.csr import sorted_dictionary

__all__ = ["group_domains", "group_name"]


def group_domains(names: pa.Array) -> tuple[NDArray[np.int32], pa.Array]:
    """Group id of each canonical name, [names], and the groups' names, sorted."""
    return sorted_dictionary(group_name(names))


def group_name(names: pa.Array) -> pa.Array:
    """eTLD+1 of each canonical name, the name itself where it is a public suffix; [names]."""
    try:
        from mithra.names import etld_plus_one
    except ImportError:  # until names.py lands: the last two labels
        return pc.replace_substring_regex(names, r"^(?:.*\.)?([^.]+\.[^.]+)$", r"\1")
    return pc.coalesce(etld_plus_one(names), names)
