# SPDX-License-Identifier: Apache-2.0
"""What theory says about non-separable wavelets and Riesz transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from hepacast.core.geometry import Grid
from hepacast.core.volume import Volume
from hepacast.radiomics.filters import FILTERS
from hepacast.radiomics.filters.registry import Setting
from hepacast.radiomics.filters.spectrum import Spectrum, monomials, riesz_scale
from hepacast.radiomics.settings import Texture

N = 21
WAVES = [(3, 0, 0), (0, 0, 3), (2, 2, 1), (-1, 2, 2), (2, -1, -2)]
"""Of one length, in cycles per image along (k, j, i)."""


def respond(data: np.ndarray, block: dict[str, Any]) -> np.ndarray:
    params = FILTERS.parse(block)
    (made,) = FILTERS[params](params, Setting("ibsi", Texture())).values()  # type: ignore[arg-type]
    whole = tuple(slice(0, n) for n in data.shape)
    return made(Volume(data, Grid(data.shape, (1.0, 1.0, 1.0))), whole)  # type: ignore[arg-type]


def wave(cycles: tuple[int, int, int], phase: float = 0.3) -> np.ndarray:
    k, j, i = np.meshgrid(*[np.arange(N)] * 3, indexing="ij")
    angle = 2 * np.pi * (cycles[0] * k + cycles[1] * j + cycles[2] * i) / N
    return np.asarray(100 * np.cos(angle + phase))


@pytest.mark.parametrize("cycles", WAVES)
def test_a_wave_passes_with_the_gain_of_its_length_in_all_directions(
    cycles: tuple[int, int, int],
) -> None:
    made = respond(wave(cycles), {"kind": "ibsi-simoncelli", "boundary": "periodic"})
    radius = 2 * 3 / (N - 1)
    expected = np.cos(np.pi / 2 * np.log2(2 * radius)) * wave(cycles)
    np.testing.assert_allclose(made, expected, atol=1e-9)


def test_a_constant_image_has_no_response() -> None:
    for boundary in ("periodic", "mirror", "nearest"):
        for riesz in (None, [2, 0, 0], [1, 0, 0]):
            block = {"kind": "ibsi-simoncelli", "boundary": boundary, "riesz": riesz}
            made = respond(np.full((9, 10, 11), 50.0), block)
            np.testing.assert_allclose(made, 0, atol=1e-9)


@pytest.mark.parametrize("cycles", WAVES)
def test_aligned_transforms_of_a_wave_do_not_depend_on_its_direction(
    cycles: tuple[int, int, int],
) -> None:
    band = respond(wave(cycles), {"kind": "ibsi-simoncelli", "boundary": "periodic"})
    block = {"kind": "ibsi-simoncelli", "boundary": "periodic", "align_sigma_voxels": 2.0}
    along = respond(wave(cycles), {**block, "riesz": [2, 0, 0]})
    np.testing.assert_allclose(along, -band, atol=1e-9)
    for across in ([0, 2, 0], [0, 0, 2], [1, 1, 0], [0, 1, 1]):
        made = respond(wave(cycles), {**block, "riesz": across})
        np.testing.assert_allclose(made, 0, atol=1e-9)
    # The first order is a quarter of a wave behind, and never negative along its own axis.
    shifted = respond(
        wave(cycles, 0.3 - np.pi / 2), {"kind": "ibsi-simoncelli", "boundary": "periodic"}
    )
    steep = respond(wave(cycles), {**block, "riesz": [1, 0, 0]})
    np.testing.assert_allclose(steep, np.abs(shifted), atol=1e-9)


def test_all_transforms_of_one_order_keep_the_energy_together() -> None:
    data = np.random.default_rng(5).normal(size=(9, 11, 13))
    spectrum = Spectrum(data - data.mean(), (0, 1, 2))
    energy = (spectrum.response(None, (0, 0, 0)) ** 2).sum()
    for degree in (1, 2, 3):
        parts = [riesz_scale(m) * spectrum.response(None, m) for m in monomials(degree, 3)]
        assert sum((part**2).sum() for part in parts) == pytest.approx(energy, rel=1e-12)


@pytest.mark.parametrize("aligned", [None, 1.5])
@pytest.mark.parametrize("kind", ["ibsi-simoncelli", "ibsi-riesz-log"])
def test_a_quarter_turn_of_the_image_turns_the_response(kind: str, aligned: float | None) -> None:
    data = np.random.default_rng(8).normal(size=(10, 13, 12))
    block = {"kind": kind, "align_sigma_voxels": aligned}
    sigma = {"sigma_mm": 1.5} if kind == "ibsi-riesz-log" else {}
    before = respond(data, {**block, **sigma, "riesz": [2, 0, 0]})
    turned = np.rot90(data, axes=(1, 2))
    # In the axes of the image, what lay along i lies along j now.
    order = [0, 2, 0] if aligned is None else [2, 0, 0]
    after = respond(turned, {**block, **sigma, "riesz": order})
    np.testing.assert_allclose(after, np.rot90(before, axes=(1, 2)), atol=1e-10)


def test_a_flat_filter_sees_one_slice_at_a_time() -> None:
    data = np.random.default_rng(9).normal(size=(4, 12, 13))
    for riesz in (None, [1, 1, 0]):
        block = {
            "kind": "ibsi-simoncelli",
            "flat": True,
            "riesz": riesz,
            "align_sigma_voxels": None,
        }
        whole = respond(data, block)
        for k in range(4):
            np.testing.assert_allclose(whole[k], respond(data[k : k + 1], block)[0], atol=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        {"riesz": [0, 0, 0]},
        {"riesz": None, "align_sigma_voxels": 1.0},
        {"riesz": [0, 0, 1], "flat": True},
        {"riesz": [-1, 0, 0]},
    ],
)
def test_an_impossible_transform_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FILTERS.settings("ibsi-simoncelli").model_validate(wrong)
