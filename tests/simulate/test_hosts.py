from __future__ import annotations

import numpy as np
import pyarrow as pa

from mithra.simulate.hosts import _distinct
from mithra.simulate.tables import Hosts


def test_hosts_of_one_unit_never_share_a_label() -> None:
    hosts = Hosts.of(5, unit=[1, 1, 2, 2, 2], label=[0, 0, 0, 1, 2])
    labels = _distinct(np.random.default_rng(0), hosts, pa.array(["www", "mail", "mail"]))
    names = [
        (unit, labels[label].as_py()) for unit, label in zip(hosts.unit, hosts.label.tolist(), strict=True)
    ]
    assert len(set(names)) == 5
    assert names[0] == (1, "www")
    assert names[2:4] == [(2, "www"), (2, "mail")]
    assert len(names[1][1]) == len(names[4][1]) == 14
