"""Crops, augmentation and batches: what a network is shown, and what decides it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hepacast.core.errors import GeometryError, ImageFileError
from hepacast.core.provenance import generator
from hepacast.deep.augment import AugmentParams, augment, sample_places
from hepacast.deep.crops import Crops
from hepacast.deep.feed import Feed, Material, blank
from hepacast.deep.training import LoopParams

STILL = AugmentParams(flip=False, rotate_degrees=0, scale=0, shift=0)


def crops(n: int = 6, per_case: int = 2) -> Crops:
    rng = np.random.default_rng(0)
    pixels = rng.random((n * per_case, 2, 8, 8), dtype=np.float32)
    return Crops(pixels, tuple(f"c{at // per_case}" for at in range(n * per_case)), ("AP", "PVP"))


def material(strata: list[int], per_case: int = 2) -> Material:
    n = len(strata)
    return Material(
        crops(n, per_case),
        np.repeat(np.arange(n), per_case),
        np.zeros((n, 0), np.float32),
        np.arange(n, dtype=np.float32)[:, None],
        np.array(strata),
    )


def test_crops_of_different_lengths_are_refused() -> None:
    with pytest.raises(GeometryError, match="channels in every phase"):
        Crops(np.zeros((2, 3, 8, 8), np.float32), ("a", "b"), ("AP", "PVP"))


def test_an_intensity_that_is_no_number_is_named_by_its_case() -> None:
    pixels = np.zeros((2, 1, 8, 8), np.float32)
    pixels[1, 0, 3, 3] = np.nan
    with pytest.raises(ImageFileError, match="case b"):
        Crops(pixels, ("a", "b"))


def test_settings_of_zero_change_nothing() -> None:
    x = torch.rand(2, 1, 9, 9)
    torch.testing.assert_close(augment(x, STILL, [generator(1, at) for at in range(2)]), x)


@pytest.mark.parametrize("space", [(12, 12), (6, 12, 12)])
def test_a_copy_depends_on_its_own_seed_only(space: tuple[int, ...]) -> None:
    x = torch.rand(3, 2, *space)
    params = AugmentParams(noise_sd=0.1, gain=0.2, shear_degrees=10)
    whole = augment(x, params, [generator(1, at) for at in range(3)])
    for at in range(3):
        alone = augment(x[at : at + 1], params, [generator(1, at)])
        assert torch.equal(whole[at], alone[0])
    assert not torch.equal(whole, augment(x, params, [generator(2, at) for at in range(3)]))


@pytest.mark.parametrize("sides", [(6, 9), (4, 5, 6)])
def test_pictures_are_moved_to_where_torch_would_move_them(sides: tuple[int, ...]) -> None:
    turn = torch.from_numpy(generator(1).normal(size=(len(sides), len(sides) + 1)))
    known = torch.nn.functional.affine_grid(turn[None], [1, 1, *sides], align_corners=False)
    torch.testing.assert_close(sample_places(turn, sides), known)


def test_all_channels_of_a_case_move_alike() -> None:
    x = torch.rand(1, 1, 16, 16).expand(1, 3, 16, 16)
    moved = augment(x, AugmentParams(), [generator(1)])
    torch.testing.assert_close(moved[:, 0], moved[:, 2])
    assert not torch.equal(moved, x)


def test_a_turn_keeps_the_side_of_a_disc() -> None:
    j, i = torch.meshgrid(*[torch.arange(33) - 16.0] * 2, indexing="ij")
    disc = ((j**2 + i**2) < 100).float()[None, None]
    params = AugmentParams(flip=True, rotate_degrees=90, scale=0, shift=0)
    turned = augment(disc, params, [generator(4)])
    assert float((turned - disc).abs().mean()) < 0.03


def test_every_batch_is_full_and_every_picture_is_shown() -> None:
    feed = Feed(material([0, 1, 0, 1, 0]), LoopParams(batch=4, augment=None), 7, 1)
    batches = list(feed.batches(0))
    assert [len(batch.pixels) for batch in batches] == [4, 4, 4]
    assert {float(t) for batch in batches for t in batch.targets[:, 0]} == {0, 1, 2, 3, 4}


def test_rare_events_are_spread_over_the_batches() -> None:
    strata = [1] * 8 + [0] * 56
    feed = Feed(material(strata, 1), LoopParams(batch=16, augment=None), 7, 1)
    for epoch in range(5):
        events = [int((batch.targets[:, 0] < 8).sum()) for batch in feed.batches(epoch)]
        assert events == [2, 2, 2, 2]


def test_a_likelihood_of_risk_sets_sees_one_picture_of_each_case() -> None:
    feed = Feed(material([0, 1, 0, 1], 3), LoopParams(batch=64, augment=None), 7, 1)
    feed.one_per_case = True
    (batch,) = feed.batches(0)
    assert sorted(batch.targets[:, 0].tolist()) == [0, 1, 2, 3]
    (later,) = feed.batches(1)
    assert not torch.equal(batch.pixels.sort(0).values, later.pixels.sort(0).values)


def test_noisy_copies_bring_the_rarer_class_to_equal_numbers() -> None:
    params = LoopParams(batch=16, augment=None, noise_copies=True)
    feed = Feed(material([1] * 2 + [0] * 8, 1), params, 7, 1)
    (batch,) = feed.batches(0)
    rare = batch.targets[:, 0] < 2
    assert int(rare.sum()) == 8
    original = crops(10, 1).pixels
    noise = batch.pixels[rare] - torch.from_numpy(original[batch.targets[rare, 0].long()])
    copies = noise.flatten(1).std(dim=1)
    assert int((copies == 0).sum()) == 2
    assert float(copies[copies > 0].mean()) == pytest.approx(0.1**0.5, rel=0.1)


def test_a_missing_phase_is_shown_as_zero_and_the_last_one_is_never_hidden() -> None:
    x = torch.ones(2, 4, 8, 8)
    shown = np.array([[True, False], [True, True]])
    sums = blank(x, shown).sum(dim=(2, 3))
    assert sums.tolist() == [[64, 64, 0, 0], [64, 64, 64, 64]]
    params = LoopParams(batch=64, augment=None, phase_dropout=0.9)
    feed = Feed(material([0, 1] * 8), params, 7, 1)
    seen = torch.cat([b.pixels for epoch in range(3) for b in feed.batches(epoch)])
    phases = seen.abs().sum(dim=(2, 3)) > 0
    assert bool(phases.any(dim=1).all())
    assert float(phases.float().mean()) < 0.7
