"""Weights of a file fit a network by name and shape, or are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from monai.networks.nets.resnet import resnet18 as monai_resnet18

from hepacast.core.errors import WeightsError
from hepacast.core.events import Event, Noticed
from hepacast.deep.networks import ResNet2dParams, ResNet3dParams, build
from hepacast.deep.weights import arrays_of, fit_weights
from hepacast.io.weights import write_weights
from hepacast.run.parts.encoder import load_encoder

if TYPE_CHECKING:
    from pathlib import Path


def medicalnet(depth: int = 18) -> dict[str, np.ndarray]:
    """Weights as a MedicalNet file names them, with its head for segmentation."""
    network = build(ResNet3dParams.model_validate({"depth": depth}), seed=5)
    arrays = {
        "module." + name.removeprefix("encoder."): array
        for name, array in arrays_of(network).items()
        if name.startswith("encoder.")
    }
    return {**arrays, "module.conv_seg.0.weight": np.zeros((2, 2), np.float32)}


def test_a_file_in_medicalnets_layout_fills_the_encoder(tmp_path: Path) -> None:
    write_weights(tmp_path / "net.safetensors", medicalnet(), {})
    events: list[Event] = []
    found = load_encoder(tmp_path / "net.safetensors", on_event=events.append)
    assert found.matching.share == 1.0
    assert not found.matching.unused
    assert found.matching.heads == ("module.conv_seg.0.weight",)
    x = torch.rand(1, 1, 32, 32, 32)
    with torch.no_grad():
        theirs = build(ResNet3dParams(), seed=5).eval().features(x)
        assert torch.equal(found.network.features(x), theirs)
    assert isinstance(events[0], Noticed)
    assert "(100 %, layout medicalnet)" in events[0].text


def test_the_same_weights_give_monais_network_the_same_vector() -> None:
    # MONAI's own network takes MedicalNet files, so it stands for one.
    theirs = monai_resnet18(
        spatial_dims=3, n_input_channels=1, shortcut_type="A", feed_forward=False,
        conv1_t_stride=2,
    ).eval()  # fmt: skip
    ours = build(ResNet3dParams(), seed=1).eval()
    arrays = {f"module.{name}": value.numpy() for name, value in theirs.state_dict().items()}
    assert fit_weights(ours, arrays, "medicalnet").share == 1.0
    x = torch.rand(1, 1, 32, 32, 32)
    with torch.no_grad():
        assert torch.allclose(ours.features(x), theirs(x), atol=1e-5)


@pytest.mark.parametrize("depth", [10, 34, 50])
def test_weights_of_another_depth_are_refused(depth: int) -> None:
    network = build(ResNet3dParams(), seed=1)
    before = arrays_of(network)
    with pytest.raises(WeightsError, match="names matched"):
        fit_weights(network, medicalnet(depth), "medicalnet")
    after = arrays_of(network)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_weights_of_another_family_are_refused_with_the_share() -> None:
    arrays = arrays_of(build(ResNet2dParams(), seed=1))
    with pytest.raises(WeightsError, match=r"0 %, layout medicalnet"):
        fit_weights(build(ResNet3dParams(), seed=1), arrays, "medicalnet")


def test_one_other_shape_is_refused_even_when_all_names_match() -> None:
    arrays = medicalnet()
    arrays["module.conv1.weight"] = np.zeros((64, 3, 7, 7, 7), np.float32)
    with pytest.raises(WeightsError, match=r"misshaped: encoder.conv1.weight is \(64, 3"):
        fit_weights(build(ResNet3dParams(), seed=1), arrays, "medicalnet")


def test_weights_that_are_not_numbers_are_refused() -> None:
    arrays = medicalnet()
    arrays["module.bn1.bias"][3] = np.nan
    with pytest.raises(WeightsError, match=r"first is encoder\.bn1\.bias"):
        fit_weights(build(ResNet3dParams(), seed=1), arrays, "medicalnet")
