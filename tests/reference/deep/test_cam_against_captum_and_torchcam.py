"""Maps of one fixed network, against captum and torchcam."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hepacast.deep.attribution import explain, logit
from hepacast.deep.attribution_params import GradCamParams, ScoreCamParams

Case = tuple["Small", torch.Tensor]


class Small(torch.nn.Module):
    """Three convolutions, pooling, two logits; in two or three dimensions."""

    cam_layer = "last"

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        conv = (torch.nn.Conv2d, torch.nn.Conv3d)[dimensions - 2]
        self.first = torch.nn.Sequential(conv(2, 6, 3, padding=1), torch.nn.ReLU(inplace=True))
        self.middle = torch.nn.Sequential(
            conv(6, 8, 3, padding=1, stride=2), torch.nn.ReLU(inplace=True)
        )
        self.last = torch.nn.Sequential(conv(8, 12, 3, padding=1), torch.nn.ReLU(inplace=True))
        self.head = torch.nn.Linear(12, 2)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.last(self.middle(self.first(x)))
        return maps.flatten(2).mean(-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.features(x))
        return out


@pytest.fixture(params=[2, 3], ids=["2D", "3D"])
def case(request: pytest.FixtureRequest) -> Case:
    torch.manual_seed(3)
    size = (20, 24) if request.param == 2 else (12, 14, 16)
    return Small(request.param).eval(), torch.rand(1, 2, *size)


@pytest.mark.parametrize("index", [0, 1])
def test_grad_cam_is_captums(case: Case, index: int) -> None:
    attr = pytest.importorskip("captum.attr")
    network, x = case
    theirs = attr.LayerGradCam(network, network.last).attribute(
        x, target=index, relu_attributions=True
    )[0, 0]
    ours = explain(network, x, logit(index))
    assert np.abs(ours.cells - theirs.detach().numpy()).max() < 1e-5 * max(1, theirs.max())


@pytest.mark.parametrize("index", [0, 1])
def test_grad_cam_is_torchcams_after_its_scaling(case: Case, index: int) -> None:
    methods = pytest.importorskip("torchcam.methods")
    network, x = case
    with methods.GradCAM(network, "last") as extractor:
        theirs = extractor(index, network(x))[0][0].numpy()
    ours = explain(network, x, logit(index), GradCamParams(layer="last")).cells
    assert np.abs(_unit(ours) - theirs).max() < 1e-5


@pytest.mark.parametrize("index", [0, 1])
def test_score_cam_is_torchcams_with_softmax_weights(case: Case, index: int) -> None:
    methods = pytest.importorskip("torchcam.methods")
    network, x = case
    with methods.ScoreCAM(network, "last") as extractor, torch.no_grad():
        network(x)
        theirs = extractor(index)[0][0].numpy()
    ours = explain(network, x, logit(index), ScoreCamParams(weights="softmax", batch=5)).cells
    assert np.abs(_unit(ours) - theirs).max() < 1e-5


def _unit(cells: np.ndarray) -> np.ndarray:
    shifted = cells - cells.min()
    return np.asarray(shifted / (shifted.max() + 1e-8))
