"""Groups of domains by eTLD+1 (private suffixes counted), and the registered domain above each name.

A name that is itself a public suffix (`github.io`) has no eTLD+1 and is its own group.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.graph.csr import sorted_dictionary
from mithra.names import etld_plus_one, registered_domain

__all__ = ["group_domains", "registered_ancestor"]


def group_domains(names: pa.Array) -> tuple[NDArray[np.int32], pa.Array]:
    """Group id of each canonical name, [names], and the groups' names, sorted."""
    return sorted_dictionary(pc.coalesce(etld_plus_one(names), names))


def registered_ancestor(group: NDArray[np.int32], groups: pa.Array) -> pa.Array:
    """Registered domain of each name, [names], from its group; null where there is none."""
    return registered_domain(groups).take(pa.array(group))
