"""Whatever the grid: what is written is read, what is turned can be turned back."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.imaging.resample import resample_region, resampled_grid
from hepacast.io.cache import load_cached, save_cached
from hepacast.io.dicom.series import read_series
from hepacast.io.dicom.write import SeriesIdentity, write_series
from hepacast.io.nifti import read_mask, read_nifti, write_nifti
from hepacast.io.voxels import reorient
from hepacast.regions.shells import dilate, erode

sizes = st.integers(2, 6)
steps = st.floats(0.3, 8.0)
places = st.floats(-400.0, 400.0)
angles = st.floats(-180.0, 180.0)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Draw any grid that a scanner could have made, also left-handed ones."""
    turn = Rotation.from_euler("xyz", [draw(angles) for _ in range(3)], degrees=True).as_matrix()
    if draw(st.booleans()):
        turn[2] *= -1
    k, j, i = turn.tolist()
    return Grid(
        (draw(sizes), draw(sizes), draw(sizes)),
        (draw(steps), draw(steps), draw(steps)),
        (draw(places), draw(places), draw(places)),
        ((k[0], k[1], k[2]), (j[0], j[1], j[2]), (i[0], i[1], i[2])),
    )


def filled(grid: Grid, seed: int) -> Volume:
    data = np.random.default_rng(seed).integers(-1000, 2000, grid.shape).astype(np.float32)
    data.flat[0] = -1000
    return Volume(data, grid)


@given(grid=grids(), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_any_volume_survives_nifti_and_the_cache(grid: Grid, seed: int) -> None:
    image = filled(grid, seed)
    with tempfile.TemporaryDirectory() as folder:
        write_nifti(image, Path(folder) / "x.nii.gz")
        back = read_nifti(Path(folder) / "x.nii.gz")
        save_cached(image, Path(folder) / "x.b2")
        kept = load_cached(Path(folder) / "x.b2")
    assert np.array_equal(back.data, image.data)
    assert back.grid.distance_mm(grid) < 1e-3
    assert isinstance(kept, Volume)
    assert kept.grid == grid
    assert np.array_equal(kept.data, image.data)


@given(grid=grids(), seed=st.integers(0, 99))
@settings(max_examples=8)
def test_any_volume_survives_dicom_at_its_place(grid: Grid, seed: int) -> None:
    image = filled(grid, seed)
    with tempfile.TemporaryDirectory() as folder:
        write_series(image, folder, SeriesIdentity(modality="MR"))
        back = read_series(folder)
    # A left-handed grid comes back with its slices counted the other way round.
    turned, how = reorient(back.grid, grid)
    assert how is not None
    order, flips = how
    assert np.array_equal(np.flip(back.data.transpose(order), flips), image.data)
    assert turned.distance_mm(grid) < 1e-3


@given(
    grid=grids(),
    order=st.permutations([0, 1, 2]),
    flips=st.sets(st.integers(0, 2)),
    seed=st.integers(0, 99),
)
def test_reorienting_puts_every_voxel_where_it_was(
    grid: Grid, order: list[int], flips: set[int], seed: int
) -> None:
    image = filled(grid, seed)
    a, b, c = order
    start = np.array([grid.shape[axis] - 1 if axis in flips else 0 for axis in range(3)])
    signs = [-1.0 if axis in flips else 1.0 for axis in range(3)]
    axes = [tuple(signs[axis] * n for n in grid.axes[axis]) for axis in (a, b, c)]
    x, y, z = grid.to_world(start).tolist()
    shuffled = Grid(
        (grid.shape[a], grid.shape[b], grid.shape[c]),
        (grid.spacing[a], grid.spacing[b], grid.spacing[c]),
        (x, y, z),
        (axes[0], axes[1], axes[2]),  # type: ignore[arg-type]
    )
    data = np.flip(image.data, tuple(flips)).transpose(order)
    turned, how = reorient(shuffled, grid)
    assert how is not None
    assert turned.distance_mm(grid) < 1e-6 * 400
    assert np.array_equal(np.flip(data.transpose(how[0]), how[1]), image.data)


@given(grid=grids(), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_any_mask_survives_the_disk_on_its_images_grid(grid: Grid, seed: int) -> None:
    mask = np.random.default_rng(seed).random(grid.shape) > 0.5
    mask.flat[0] = True
    with tempfile.TemporaryDirectory() as folder:
        write_nifti(Region(mask, grid, "m"), Path(folder) / "m.nii.gz")
        back = read_mask(Path(folder) / "m.nii.gz", grid)
    assert np.array_equal(back.mask, mask)
    assert back.grid is grid


@given(mm=st.floats(0.5, 5.0), more=st.floats(0.1, 3.0), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_shells_grow_with_the_distance_and_undo_only_what_they_did(
    mm: float, more: float, seed: int
) -> None:
    grid = Grid((11, 15, 14), (2.5, 1.0, 1.2))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[4:7, 5:10, 5:9] = np.random.default_rng(seed).random((3, 5, 4)) > 0.3
    mask[5, 7, 7] = True
    region = Region(mask, grid)
    near, far = dilate(region, mm), dilate(region, mm + more)
    assert not np.any(near.mask & ~far.mask)
    # Closing never loses a voxel, unless the image border (which counts as outside) is near.
    closed = erode(dilate(region, min(mm, 3.0)), min(mm, 3.0) - 1e-6)
    assert not np.any(mask & ~closed.mask)


@given(step=st.floats(0.6, 2.0), seed=st.integers(0, 20))
@settings(max_examples=20)
def test_a_resampled_region_stays_at_its_place(step: float, seed: int) -> None:
    grid = Grid((12, 40, 40), (4.0, 1.0, 1.0), (3.0, -7.0, 11.0))
    centre = grid.to_world(np.random.default_rng(seed).uniform((4, 14, 14), (8, 26, 26)))
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    region = Region(np.linalg.norm(grid.to_world(index) - centre, axis=-1) <= 11, grid)
    fine = resample_region(region, resampled_grid(grid, step))
    middles = [r.grid.to_world(np.argwhere(r.mask)).mean(axis=0) for r in (region, fine)]
    assert np.linalg.norm(middles[0] - middles[1]) < 0.4
