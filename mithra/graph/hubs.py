"""Hubs (CDNs, shared hosting, parking, sinkholes, registrars): what thousands of domains share says little.

An edge's weight falls with the number of domains at its entity. Damping never removes an edge, so what was
shared stays visible as evidence; only `cap_edges` in graph/build.py drops any, and counts what it drops.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["damping"]


def damping(degree: NDArray[np.int64]) -> NDArray[np.float32]:
    """Weight of an edge at an entity of that many domains: 1 / log2(1 + degree), the Adamic–Adar idea.

    1 for a single domain, .5 for 3, .1 for 1,023. The degree is the one as of the snapshot: whoever scores
    an example at an earlier moment damps by the degree of that moment.
    """
    return (1.0 / np.log2(1.0 + np.maximum(degree, 1))).astype(np.float32)
