"""Networks: sizes as published, gradients through every path, clear refusals."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from hepacast.core.errors import GeometryError, StudyError
from hepacast.deep import NETWORKS, build
from hepacast.deep.networks import (
    Encoder2dParams,
    ResNet2dParams,
    ResNet3dParams,
    SliceNetworkParams,
    UNet2dParams,
)
from hepacast.deep.require import require


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_the_ten_layer_network_has_two_stages_and_128_features() -> None:
    network = build(ResNet2dParams(in_channels=3, phases=1), 0)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    deep = [m for m in convolutions if m.kernel_size != (1, 1)]
    assert len(deep) + 1 == 10
    assert network.width == 128
    assert count(network) == pytest.approx(0.68e6, rel=0.01)


def test_phase_fusion_reads_every_phase_with_the_same_encoder() -> None:
    network = build(ResNet2dParams(fusion="phase"), 0).eval()
    x = torch.randn(2, 9, 64, 64)
    whole = network.features(x)
    parts = [network.get_submodule("encoder")(x[:, at : at + 3]) for at in (0, 3, 6)]
    assert whole.shape == (2, 384)
    torch.testing.assert_close(whole, torch.cat(parts, dim=1))


def test_channels_that_are_no_multiple_of_the_phases_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 3 phases"):
        ResNet2dParams(in_channels=8)


@pytest.mark.parametrize(("depth", "width"), [(10, 512), (18, 512), (34, 512), (50, 2048)])
def test_three_dimensional_networks_give_the_published_widths(depth: int, width: int) -> None:
    params = ResNet3dParams.model_validate({"depth": depth})
    network = build(params, 0).eval()
    assert network.width == width
    assert network.features(torch.zeros(1, 1, 32, 32, 32)).shape == (1, width)


def test_dilated_last_stages_keep_the_map_at_one_eighth() -> None:
    network = build(ResNet3dParams(depth=10, last_stages="dilated"), 0).eval()
    seen = []
    network.get_submodule(network.cam_layer).register_forward_hook(
        lambda _module, _inputs, output: seen.append(tuple(output.shape[2:]))
    )
    network(torch.zeros(1, 1, 32, 32, 32))
    assert seen == [(4, 4, 4)]


@pytest.mark.parametrize("shortcut", ["pool", "convolution"])
def test_the_gradient_passes_through_the_shortcut(shortcut: str) -> None:
    params = ResNet3dParams.model_validate({"depth": 18, "shortcut": shortcut})
    network = build(params, 0)
    block = network.get_submodule("encoder.layer2.0")
    for name in ("conv1", "conv2"):
        nn.init.zeros_(block.get_parameter(f"{name}.weight"))  # only the shortcut is left
    x = torch.randn(2, 64, 8, 8, 8, requires_grad=True)
    block(x).sum().backward()
    assert x.grad is not None
    assert float(x.grad.abs().sum()) > 0


def test_the_u_net_has_992_features_of_five_levels_and_a_map_as_large_as_its_input() -> None:
    network = build(UNet2dParams(), 0).eval()
    x = torch.randn(1, 1, 64, 64)
    assert network.features(x).shape == (1, 992)
    assert network.level_widths == (32, 64, 128, 256, 512)
    assert network(x).shape == (1, 1, 64, 64)


def test_the_slice_network_flattens_a_map_of_two_by_two() -> None:
    network = build(SliceNetworkParams(), 0).eval()
    assert network.width == 2 * 2 * 128
    assert count(network) == pytest.approx(0.41e6, rel=0.05)


def test_the_picture_encoder_has_the_names_of_torchvision() -> None:
    names = set(build(Encoder2dParams(depth=50), 0).get_submodule("encoder").state_dict())
    assert {"conv1.weight", "layer1.0.downsample.0.weight", "layer4.2.bn3.running_var"} <= names
    assert len([name for name in names if name.endswith("weight")]) == 106


@pytest.mark.parametrize(
    ("shape", "match"),
    [((1, 9, 7, 64), "at least 8"), ((1, 6, 64, 64), "9 channels"), ((1, 9, 64), "2 axes")],
)
def test_an_input_of_another_shape_is_refused(shape: tuple[int, ...], match: str) -> None:
    network = build(ResNet2dParams(), 0)
    with pytest.raises(GeometryError, match=match):
        network(torch.zeros(shape))


def test_the_slice_network_takes_its_own_size_only() -> None:
    network = build(SliceNetworkParams(size=64), 0)
    with pytest.raises(GeometryError, match="at least 64"):
        network(torch.zeros(1, 1, 128, 128))


def test_without_torch_there_is_one_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(StudyError, match=r"pip install hepacast\[deep\]"):
        require("torch")


def test_settings_of_all_networks_load_without_torch() -> None:
    code = "import sys, hepacast.deep; sys.exit('torch' in sys.modules or 'monai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert {"resnet-2d", "resnet-3d", "slice-2d", "unet-2d", "encoder-2d"} <= set(NETWORKS)
