"""Residual encoders give the vectors of MONAI's networks of the same weights."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from hepacast.deep import build
from hepacast.deep.networks import ResNet3dParams


@pytest.fixture(scope="module")
def nets() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("monai.networks.nets")


@pytest.mark.parametrize("depth", [10, 18, 50])
def test_a_box_has_the_vector_that_monai_gives_it(nets: Any, depth: int) -> None:
    network = build(ResNet3dParams.model_validate({"depth": depth}), 3).eval()
    theirs = getattr(nets, f"resnet{depth}")(
        pretrained=False,
        spatial_dims=3,
        n_input_channels=1,
        conv1_t_stride=2,
        feed_forward=False,
        shortcut_type="A" if depth == 18 else "B",
        bias_downsample=False,
    ).eval()
    encoder = network.get_submodule("encoder")
    for module in encoder.modules():  # running means that are not 0 and 1
        if isinstance(module, torch.nn.BatchNorm3d):
            torch.nn.init.uniform_(module.get_buffer("running_mean"), -0.1, 0.1)
            torch.nn.init.uniform_(module.get_buffer("running_var"), 0.5, 2.0)
    missing, unexpected = theirs.load_state_dict(encoder.state_dict(), strict=False)
    assert not missing
    assert not unexpected
    x = torch.randn(2, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(network.features(x), theirs(x), rtol=1e-4, atol=1e-5)
