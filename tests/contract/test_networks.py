"""What every registered network promises."""

from __future__ import annotations

import pytest
import torch

from hepacast.core.errors import GeometryError
from hepacast.deep import NETWORKS, build
from hepacast.deep.networks import NetworkParams


def small(kind: str) -> NetworkParams:
    params = NETWORKS.settings(kind).model_validate({"out": 2})
    assert isinstance(params, NetworkParams)
    return params


def picture(params: NetworkParams) -> torch.Tensor:
    network = build(params, 0)
    side = max(network.smallest, 32)
    shape = (2, network.in_channels) + (side,) * network.axes
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", sorted(NETWORKS))
def test_a_network_gives_a_vector_and_logits(kind: str) -> None:
    params = small(kind)
    network, x = build(params, 0).eval(), picture(params)
    with torch.inference_mode():
        assert network.features(x).shape == (2, network.width)
        assert network(x).shape[:2] == (2, 2)


@pytest.mark.parametrize("kind", sorted(NETWORKS))
def test_the_seed_alone_decides_the_weights(kind: str) -> None:
    torch.manual_seed(1)
    one = build(small(kind), 5).state_dict()
    state = torch.random.get_rng_state()
    again, other = build(small(kind), 5).state_dict(), build(small(kind), 6).state_dict()
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("kind", sorted(NETWORKS))
def test_the_named_layer_is_a_block_of_maps_that_the_output_depends_on(kind: str) -> None:
    params = small(kind)
    network, x = build(params, 0).eval(), picture(params)
    maps: list[torch.Tensor] = []
    network.get_submodule(network.cam_layer).register_forward_hook(
        lambda _module, _inputs, output: maps.append(output)
    )
    total = network(x).sum()
    (slope,) = torch.autograd.grad(total, maps[0])
    assert maps[0].ndim == x.ndim
    assert float(slope.abs().sum()) > 0


@pytest.mark.parametrize("kind", sorted(NETWORKS))
def test_every_weight_of_the_head_and_body_can_learn(kind: str) -> None:
    params = small(kind)
    network, x = build(params, 0).train(), picture(params)
    network(x).square().sum().backward()
    # Tokens of hidden inputs, and gates and columns that see zeros, start without a slope.
    spared = ("no_image", "no_table", "from_table.weight")
    idle = [
        name
        for name, weight in network.named_parameters()
        if not name.endswith(spared) and (weight.grad is None or not weight.grad.abs().sum() > 0)
    ]
    assert idle == []


@pytest.mark.parametrize("kind", sorted(NETWORKS))
def test_another_number_of_channels_is_refused(kind: str) -> None:
    params = small(kind)
    network, x = build(params, 0), picture(params)
    with pytest.raises(GeometryError, match="channels"):
        network(torch.cat([x, x[:, :1]], dim=1))
