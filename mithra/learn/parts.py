"""The same model where a part of the records is missing: no registration data, no passive DNS, only a name.

The part is taken out of the whole snapshot, of the names that are judged as well as of those that they meet,
as it would be in a workspace without that source. Nothing is trained again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mithra.graph.snapshot import FACTS, Snapshot
from mithra.learn.arrivals import Arrivals
from mithra.learn.model import Model

__all__ = ["missing_parts", "without_registrations", "without_resolutions"]

REGISTRATION_FACTS = (
    "created", "updated", "expires", "registration_captured", "dnssec", "status_count", "name_server_count",
    "registrar",
)  # fmt: skip
WITHOUT_DNS = ("registrar", "etld_plus_one")  # relations that no DNS record makes


def missing_parts(model: Model, found: Arrivals) -> dict[str, NDArray[np.float64]]:
    """Scores of the arrivals, [arrivals], by what is missing."""
    graphs = {
        "no registration data": without_registrations(found.graph),
        "no passive DNS": without_resolutions(found.graph),
    }
    scores = {name: model.predict(graph, found.examples).score for name, graph in graphs.items()}
    return scores | {"only the name": model.predict_names(found.names).score}


def without_registrations(graph: Snapshot) -> Snapshot:
    """The snapshot of a workspace that never saw a registration."""
    facts = graph.facts
    for name in REGISTRATION_FACTS:
        place = facts.schema.get_field_index(name)
        if place >= 0:
            facts = facts.set_column(place, name, pa.nulls(len(facts), FACTS.field(name).type))
    relations = {name: one for name, one in graph.relations.items() if name != "registrar"}
    return replace(graph, facts=facts, relations=relations, manifest={})


def without_resolutions(graph: Snapshot) -> Snapshot:
    """The snapshot of a workspace that knows names and registrations, but no record of DNS."""
    relations = {name: one for name, one in graph.relations.items() if name in WITHOUT_DNS}
    return replace(graph, relations=relations, manifest={})
