"""How the networks inside a model learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mithra.learn.ensemble import LABEL_SMOOTHING, _Part, _step
from mithra.nn.network import DomainNetwork, NetworkShape


@pytest.mark.parametrize("label", [0, 1])
def test_a_network_is_never_surer_than_labels_deserve(label: int) -> None:
    torch.manual_seed(0)
    network = DomainNetwork(NetworkShape(static=2, dynamic=1, relations=(), width=4, dropout=0))
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.05)
    own = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    same = _Part(own, torch.zeros(2, 1), {}, np.full(2, label, np.int8), np.ones(2, np.float32))
    for _ in range(300):
        _step(network, optimiser, same)
    with torch.no_grad():
        said = torch.sigmoid(network(same.own, same.dynamic, same.met)).numpy()
    assert said == pytest.approx(abs(label - LABEL_SMOOTHING / 2), abs=0.01)
