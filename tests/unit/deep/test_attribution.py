"""Maps: what they explain is said, what they cannot say is flagged."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hepacast.core.errors import StudyError
from hepacast.deep.attribution import (
    ATTRIBUTIONS,
    Target,
    explain,
    log_hazard,
    logit,
    pooled_feature,
)
from hepacast.deep.attribution_params import GradCamParams, ScoreCamParams
from hepacast.deep.networks import ResNet2dParams, build

PLACE = (slice(4, 8), slice(18, 24))
"""Where the only bright voxels of :func:`image` are."""


class Bright(torch.nn.Module):
    """One channel that keeps the image; the logit rises with its mean."""

    cam_layer = "keep"

    def __init__(self, bias: float = -1.0) -> None:
        super().__init__()
        self.keep = torch.nn.Conv2d(1, 2, 1)
        self.head = torch.nn.Linear(2, 1)
        with torch.no_grad():
            self.keep.weight[:] = torch.tensor([1.0, -0.5]).reshape(2, 1, 1, 1)
            self.keep.bias.zero_()  # type: ignore[union-attr]
            self.head.weight[:] = torch.tensor([[40.0, 0.0]])
            self.head.bias[:] = bias

    def features(self, x: torch.Tensor) -> torch.Tensor:
        kept: torch.Tensor = self.keep(x)
        return kept.flatten(2).mean(-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.features(x))
        return out


@pytest.fixture
def image() -> torch.Tensor:
    x = torch.zeros(1, 1, 32, 32)
    x[(0, 0, *PLACE)] = 1.0
    return x


@pytest.mark.parametrize("kind", sorted(ATTRIBUTIONS))
@pytest.mark.parametrize("target", [logit(), log_hazard(), pooled_feature(0)], ids=lambda t: t.name)
def test_a_map_lies_where_the_target_comes_from(
    kind: str, target: Target, image: torch.Tensor
) -> None:
    found = explain(Bright(), image, target, ATTRIBUTIONS.settings(kind)())
    assert found.values.shape == (32, 32)
    assert found.values[PLACE].sum() / found.values.sum() > 0.99
    assert target.name in found.caption()


def test_a_feature_that_falls_with_brightness_has_a_blank_grad_cam(image: torch.Tensor) -> None:
    found = explain(Bright(), image, pooled_feature(1))
    assert found.blank
    assert not found.display.any()
    assert "blank" in found.caption()


def test_a_network_sure_of_the_empty_image_blanks_only_the_increase(image: torch.Tensor) -> None:
    sure = Bright(bias=60.0)
    by_words = explain(sure, image, logit(), ScoreCamParams(weights="increase"))
    default = explain(sure, image, logit(), ScoreCamParams())
    assert by_words.blank
    assert by_words.baseline == by_words.score == 1.0
    assert not default.blank


def test_display_is_scaled_and_the_raw_map_is_not(image: torch.Tensor) -> None:
    found = explain(Bright(), image, logit())
    assert found.display.max() == 1.0
    # The mean gradient of the logit by a voxel of the layer, times a voxel of 1.
    assert found.values.max() == pytest.approx(40 / 32**2, rel=1e-5)


def test_a_network_is_left_as_it_was(image: torch.Tensor) -> None:
    network = Bright().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for kind in ATTRIBUTIONS:
        explain(network, image, logit(), ATTRIBUTIONS.settings(kind)())
    assert network.training
    assert not network.keep._forward_hooks
    assert all(value.grad is None for value in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_frozen_weights_do_not_stop_grad_cam(image: torch.Tensor) -> None:
    frozen = Bright().requires_grad_(requires_grad=False)
    assert np.array_equal(
        explain(frozen, image, logit()).values, explain(Bright(), image, logit()).values
    )


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_score_cam_does_not_depend_on_the_batch(batch: int) -> None:
    network = build(ResNet2dParams(in_channels=3), seed=2)
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    whole = explain(network, x, logit(), ScoreCamParams(channels=7))
    parts = explain(network, x, logit(), ScoreCamParams(channels=7, batch=batch))
    assert np.allclose(whole.values, parts.values, atol=1e-6)


def test_coarse_maps_are_called_coarse() -> None:
    network = build(ResNet2dParams(in_channels=3, depth=18), seed=2)
    found = explain(network, torch.rand(1, 3, 64, 64), logit())
    assert found.cells.shape == (2, 2)
    assert "too few cells" in found.caption()


def test_an_encoder_per_phase_has_a_grad_cam_but_no_score_cam() -> None:
    network = build(ResNet2dParams(in_channels=3, fusion="phase"), seed=2)
    x = torch.rand(1, 3, 64, 64)
    assert explain(network, x, logit()).values.shape == (64, 64)
    with pytest.raises(StudyError, match="once per image"):
        explain(network, x, logit(), ScoreCamParams())


def test_an_unknown_layer_names_those_near(image: torch.Tensor) -> None:
    with pytest.raises(StudyError, match=r"'keeps'.*such as keep"):
        explain(Bright(), image, logit(), GradCamParams(layer="keeps"))


def test_several_images_at_once_are_refused(image: torch.Tensor) -> None:
    with pytest.raises(StudyError, match="one by one"):
        explain(Bright(), image.repeat(2, 1, 1, 1), logit())


def test_a_target_may_close_over_other_inputs(image: torch.Tensor) -> None:
    class Joint(Bright):
        """Reads a clinical number beside the image."""

        def forward(self, x: torch.Tensor, table: torch.Tensor | None = None) -> torch.Tensor:
            if table is None:
                raise TypeError(table)
            return super().forward(x) + table

    table = torch.tensor([[0.5]])
    joint = Target("logit with age", lambda network, x: network(x, table)[:, 0])
    for kind in ATTRIBUTIONS:
        found = explain(Joint(), image, joint, ATTRIBUTIONS.settings(kind)())
        assert found.values[PLACE].sum() / found.values.sum() > 0.99
