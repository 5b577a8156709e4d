# SPDX-License-Identifier: Apache-2.0
"""All families and filters: what theory says must not matter, and what must follow a law."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.radiomics.extraction import extract, extract_case
from hepacast.radiomics.families import FAMILIES
from hepacast.radiomics.filters import FILTERS
from hepacast.radiomics.filters.registry import Setting
from hepacast.radiomics.params import ExtractParams
from hepacast.radiomics.settings import Texture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SEEDS = st.integers(0, 2**32 - 1)
# A seed cannot be made simpler, and looking for a simpler one takes minutes.
FEW = settings(max_examples=3, phases=(Phase.explicit, Phase.generate))
SPACING = (2.0, 1.0, 0.75)
SOLID = tuple(kind for kind in FAMILIES if kind != "shape2D")
"""Families that have no slices."""
PLAIN = tuple(kind for kind in SOLID if not kind.startswith("ibsi"))
SLICED = tuple(
    {kind: {"aggregation": way}}
    for kind in SOLID
    if kind.startswith("ibsi") and "aggregation" in FAMILIES.settings(kind).model_fields
    for way in ("2D-avg", "2D-smrg", "2.5D-dmrg", "2.5D-vmrg", "2D", "2.5D")
    if ("-" in way) == (FAMILIES.settings(kind).model_fields["aggregation"].default == "3D-mrg")
)
"""IBSI's families, slice by slice."""
PLANES = ("DiameterSlice", "DiameterColumn", "DiameterRow")
# PyRadiomics' marching cubes table leaves holes where a region frays, whose volume depends on the
# origin; a region without corners that touch has none.
MESH = (
    "MeshVolume", "Sphericity", "SurfaceVolumeRatio", "SurfaceArea", "_vol", "_area", "_av",
    "comp.1", "comp.2", "sph.dispr", "sphericity", "v.dens.aabb", "a.dens.aabb", "v.dens.aee",
    "a.dens.aee", "v.dens.conv.hull", "a.dens.conv.hull", "integ.int",
)  # fmt: skip


def params(families: Iterable[object] = SOLID, **more: object) -> ExtractParams:
    return ExtractParams.model_validate({"families": tuple(families), "bins": 12, **more})


def scene(seed: int, spacing: tuple[float, float, float] = SPACING) -> tuple[Volume, Region]:
    """Whole intensities above 0, in half precision's reach, and a ragged region."""
    rng = np.random.default_rng(seed)
    shape = (12, 13, 14)
    data = np.clip(rng.normal(size=shape) * 30 + 120, 1, 400).round().astype(np.float32)
    mask = np.zeros(shape, dtype=bool)
    mask[3:9, 3:10, 3:11] = rng.random((6, 7, 8)) < 0.7
    grid = Grid(shape, spacing)
    return Volume(data, grid), Region(mask, grid)


def same(before: dict[str, float], after: dict[str, float], skip: tuple[str, ...] = ()) -> None:
    assert set(before) == set(after)
    for key, value in before.items():
        if not key.endswith(skip or ("\0",)):
            assert after[key] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), key


Turn = tuple[
    str, "Callable[[np.ndarray], np.ndarray]", "Callable[[tuple[float, ...]], list[float]]"
]
TURNS: tuple[Turn, ...] = (
    ("kj", lambda a: np.rot90(a, axes=(0, 1)), lambda s: [s[1], s[0], s[2]]),
    ("ki", lambda a: np.rot90(a, axes=(0, 2)), lambda s: [s[2], s[1], s[0]]),
    ("ji", lambda a: np.rot90(a, axes=(1, 2)), lambda s: [s[0], s[2], s[1]]),
    ("k", lambda a: a[::-1], list),
    ("j", lambda a: a[:, ::-1], list),
    ("i", lambda a: a[:, :, ::-1], list),
)


def turned(image: Volume, region: Region, turn: Turn) -> tuple[Volume, Region]:
    _, change, swap = turn
    data, mask = (np.ascontiguousarray(change(a)) for a in (image.data, region.mask))
    k, j, i = swap(image.grid.spacing)
    grid = Grid(data.shape, (k, j, i))
    return Volume(data, grid), Region(mask, grid)


@pytest.mark.parametrize("turn", TURNS, ids=[turn[0] for turn in TURNS])
@FEW
@given(SEEDS)
def test_quarter_turns_and_flips_change_no_feature_of_a_volume(turn: Turn, seed: int) -> None:
    image, region = scene(seed)
    before = extract(image, region, params())
    after = extract(*turned(image, region, turn), params())
    same(before, after, PLANES + MESH)
    away = np.indices(region.mask.shape) - np.array([5.0, 6.3, 6.1])[:, None, None, None]
    ball = np.less((away**2).sum(axis=0), 16)
    image, region = Volume(image.data, image.grid), Region(ball, image.grid)
    before = extract(image, region, params())
    after = extract(*turned(image, region, turn), params())
    same(before, after, PLANES)
    names = [f"original_shape_Maximum2D{plane}" for plane in PLANES]
    assert sorted(after[n] for n in names) == pytest.approx(sorted(before[n] for n in names))


@pytest.mark.parametrize("turn", TURNS[2:], ids=[turn[0] for turn in TURNS[2:]])
@FEW
@given(SEEDS)
def test_turns_within_slices_and_flips_change_no_feature_of_slices(turn: Turn, seed: int) -> None:
    image, region = scene(seed)
    chosen = params(SLICED)
    same(extract(image, region, chosen), extract(*turned(image, region, turn), chosen))


@FEW
@given(SEEDS, st.tuples(*[st.integers(0, 4)] * 6))
def test_origin_cropping_and_padding_change_no_byte(seed: int, pads: tuple[int, ...]) -> None:
    image, region = scene(seed)
    width = tuple(zip(pads[:3], pads[3:], strict=True))
    data = np.pad(image.data, width, constant_values=999.0)
    grid = Grid(data.shape, SPACING, (-30.0, 12.5, 7.0))
    mask = np.pad(region.mask, width)
    families = [kind for kind in SOLID if kind != "ibsi-loc"]  # looks beyond the region
    whole = extract(image, region, params(families))
    assert str(extract(Volume(data, grid), Region(mask, grid), params(families))) == str(whole)
    box = region.box()
    assert str(extract(image.crop(box), region.crop(box), params(families))) == str(whole)


@FEW
@given(SEEDS, st.integers(-6, 20))
def test_a_shift_by_whole_bins_moves_locations_alone(seed: int, bins: int) -> None:
    image, region = scene(seed)
    brighter = Volume(image.data + np.float32(12 * bins), image.grid)
    before, after = extract(image, region, params(PLAIN)), extract(brighter, region, params(PLAIN))
    moved = ("10Percentile", "90Percentile", "Maximum", "Mean", "Median", "Minimum")
    other = ("_Energy", "TotalEnergy", "RootMeanSquared")
    kept = {k: v for k, v in before.items() if not k.endswith((*moved, *other))}
    same(kept, {k: after[k] for k in kept})
    for name in moved:
        key = f"original_firstorder_{name}"
        assert after[key] == pytest.approx(before[key] + 12 * bins, rel=1e-9, abs=1e-9)


@FEW
@given(SEEDS, st.sampled_from([0.25, 2.0, 8.0]), st.integers(-300, 300))
def test_a_fixed_number_of_bins_knows_no_unit(seed: int, factor: float, shift: int) -> None:
    image, region = scene(seed)
    other = Volume((image.data * factor + np.float32(shift * factor)), image.grid)
    families = [kind for kind in PLAIN if kind not in {"firstorder", "shape"}]
    chosen = params(families, bins={"count": 16})
    same(extract(image, region, chosen), extract(other, region, chosen))


@FEW
@given(SEEDS, st.sampled_from([0.5, 4.0]))
def test_first_order_follows_the_unit_of_the_image(seed: int, factor: float) -> None:
    image, region = scene(seed)
    other = Volume(image.data * np.float32(factor), image.grid)
    before = extract(image, region, params(["firstorder"]))
    after = extract(other, region, params(["firstorder"], bins=12 * factor))
    powers = {"Energy": 2, "TotalEnergy": 2, "Variance": 2}
    powers |= dict.fromkeys(("Skewness", "Kurtosis", "Entropy", "Uniformity"), 0)
    for key, value in before.items():
        power = powers.get(key.split("_")[2], 1)
        assert after[key] == pytest.approx(value * factor**power, rel=1e-9), key


@FEW
@given(SEEDS, st.sampled_from([0.25, 0.5, 3.0]))
def test_spacing_scales_lengths_areas_and_volumes_and_leaves_the_rest(
    seed: int, factor: float
) -> None:
    image, region = scene(seed)
    k, j, i = (s * factor for s in SPACING)
    grid = Grid(image.data.shape, (k, j, i))
    before = extract(image, region, params(PLAIN))
    after = extract(Volume(image.data, grid), Region(region.mask, grid), params(PLAIN))
    powers = {"MeshVolume": 3, "VoxelVolume": 3, "TotalEnergy": 3, "SurfaceArea": 2}
    powers |= {"SurfaceVolumeRatio": -1}
    for key, value in before.items():
        name = key.split("_")[2]
        length = "shape" in key and name.endswith(("AxisLength", *PLANES, "3DDiameter"))
        power = powers.get(name, 1 if length else 0)
        assert after[key] == pytest.approx(value * factor**power, rel=1e-9, abs=1e-9), key


@pytest.mark.parametrize("kind", sorted(FILTERS))
def test_threads_and_regions_in_a_call_leave_every_byte_of_a_filter_alone(kind: str) -> None:
    image, region = scene(1)
    others = {f"r{n}": scene(n)[1] for n in range(5)}
    chosen = params(["firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"], filters=(kind,))
    alone = extract_case({"p": image}, {"a": region}, chosen, threads=1)
    among = extract_case({"p": image}, {**others, "a": region}, chosen, threads=2)
    for name, value in alone.values.items():
        assert among.values[name] == value or np.isnan(value), str(name)
        assert alone.reasons.get(name) == among.reasons.get(name), str(name)


def test_threads_and_regions_in_a_call_leave_every_byte_of_a_family_alone() -> None:
    image, region = scene(1)
    others = {f"r{n}": scene(n)[1] for n in range(5)}
    chosen = params([*SOLID, *SLICED])
    alone = extract_case({"p": image}, {"a": region}, chosen, threads=1)
    among = extract_case({"p": image}, {**others, "a": region}, chosen, threads=2)
    for name, value in alone.values.items():
        assert among.values[name] == value or np.isnan(value), str(name)


def responses(kind: str, image: Volume) -> dict[str, np.ndarray]:
    """Responses of a filter with its own settings, over the whole image."""
    block = FILTERS.settings(kind)()
    whole = tuple(slice(0, n) for n in image.data.shape)
    made = FILTERS[block](block, Setting("hepacast", Texture()))  # type: ignore[arg-type]
    return {name: np.asarray(one(image, whole)) for name, one in made.items()}  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(FILTERS))
def test_a_filter_knows_voxels_and_not_where_they_lie(kind: str) -> None:
    image, _ = scene(2)
    grid = Grid(image.data.shape, SPACING, (-80.0, 33.0, 5.5), ((0, 0, -1), (0, 1, 0), (1, 0, 0)))
    here, there = responses(kind, image), responses(kind, Volume(image.data, grid))
    for name, one in here.items():
        assert one.tobytes() == there[name].tobytes(), name


ISOTROPIC = sorted({*FILTERS} & {
    "original", "square", "squareroot", "logarithm", "exponential", "gradient", "log",
    "ibsi-mean", "ibsi-log", "ibsi-simoncelli",
})  # fmt: skip
"""Filters without a direction."""


@pytest.mark.parametrize("turn", TURNS, ids=[turn[0] for turn in TURNS])
@pytest.mark.parametrize("kind", ISOTROPIC)
def test_a_filter_without_direction_turns_with_the_image(kind: str, turn: Turn) -> None:
    image, region = scene(3, (1.0, 1.0, 1.0))
    before = responses(kind, image)
    after = responses(kind, turned(image, region, turn)[0])
    for name, one in before.items():
        # Single precision: sums along the axes run in another order.
        scale = np.abs(one).max()
        np.testing.assert_allclose(after[name], turn[1](one), rtol=0, atol=2e-6 * scale)


@pytest.mark.parametrize("kind", ["log", "gradient", "ibsi-log"])
def test_a_constant_added_to_the_image_leaves_a_derivative_alone(kind: str) -> None:
    image, _ = scene(4)
    before = responses(kind, image)
    after = responses(kind, Volume(image.data + np.float32(100), image.grid))
    for name, one in before.items():
        moved = after[name].astype(np.float64) - one
        if kind == "ibsi-log":
            # Cut off at four standard deviations its weights add up to a little, not to 0.
            moved -= moved.mean()
        assert np.abs(moved).max() < 1e-5 * np.abs(one).max(), name
