"""Groups of domains by eTLD+1 (private suffixes counted), the unit of splits and of blocking.

A name that is itself a public suffix (`github.io`) has no eTLD+1 and is its own group.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mithra.graph.csr import sorted_dictionary
from mithra.names import etld_plus_one

__all__ = ["group_domains"]


BLOCK_ROWS = 1 << 15  # temporaries of that many names stay in the processor's cache


def group_domains(names: pa.Array) -> tuple[NDArray[np.int32], pa.Array]:
    """Group id of each canonical name, [names], and the groups' names, sorted."""
    blocks = [names.slice(start, BLOCK_ROWS) for start in range(0, len(names), BLOCK_ROWS)]
    groups = [pc.coalesce(etld_plus_one(block), block) for block in blocks]
    return sorted_dictionary(pa.chunked_array(groups, pa.string()))
