"""Registration finds a known motion, and says when it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hepacast.core.errors import NotEstimableError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.imaging.register import Rigid, RigidParams, checkerboard, register_rigid

GRID = Grid((30, 96, 112), (3.0, 2.2, 2.2), (-120.0, -105.0, 10.0))
CT = RigidParams(window=(-150.0, 300.0))


def organs(world: np.ndarray, phase: str) -> np.ndarray:
    """Return HU at points of the still patient."""
    x, y, z = np.moveaxis(world, -1, 0)
    hu = {"arterial": (70, 35, 300, 140), "portal": (115, 160, 170, 90)}[phase]
    data = np.full(x.shape, -1000.0)
    data[(x / 115) ** 2 + (y / 95) ** 2 < 1] = 20
    data[((x + 35) / 62) ** 2 + ((y - 5) / 55) ** 2 + ((z - 50) / 38) ** 2 < 1] = hu[0]
    for cx, cy, cz, r in ((-50, 20, 55, 12), (-20, -15, 45, 9), (-40, -25, 62, 7), (-62, 0, 40, 8)):
        data[(x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2 < r**2] = hu[3]
    data[(x + 30 + 0.3 * z) ** 2 + (y - 8 - 0.2 * z) ** 2 < 36] = hu[1]
    data[(x - 8) ** 2 + (y - 30) ** 2 < 100] = hu[2]
    data[(x - 5) ** 2 / 400 + (y - 62) ** 2 / 300 < 1] = 400
    data[((x - 60) / 25) ** 2 + ((y - 25) / 30) ** 2 + ((z - 60) / 30) ** 2 < 1] = hu[1] - 20
    return data


def patient(motion: Rigid, phase: str, seed: int) -> Volume:
    """Return a patient of analytic organs, seen through a motion, in one of two phases."""
    index = np.moveaxis(np.indices(GRID.shape), 0, -1).astype(float)
    # Eight points per voxel, so that surfaces have partial volumes as in a scanner.
    offsets = np.stack(np.meshgrid(*[[-0.25, 0.25]] * 3, indexing="ij"), -1).reshape(-1, 3)
    # What is at x in the still patient is at motion(x) here: look back from every point.
    mean = sum(
        organs((GRID.to_world(index + offset) - motion.shift_mm) @ motion.rotation, phase)
        for offset in offsets
    ) / len(offsets)
    noise = np.random.default_rng(seed).normal(0, 12, GRID.shape)
    return Volume((mean + noise).astype(np.float32), GRID)


def motion_of(shift: tuple[float, float, float], degrees: tuple[float, float, float]) -> Rigid:
    rotation = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    centre = GRID.to_world((np.array(GRID.shape) - 1) / 2)
    return Rigid(rotation, np.array(shift) + centre - rotation @ centre, 0.0, 0.0)


STILL = motion_of((0, 0, 0), (0, 0, 0))


def liver() -> Region:
    index = np.moveaxis(np.indices(GRID.shape), 0, -1)
    x, y, z = np.moveaxis(GRID.to_world(index), -1, 0)
    mask = ((x + 35) / 62) ** 2 + ((y - 5) / 55) ** 2 + ((z - 50) / 38) ** 2 < 1
    return Region(mask, GRID, "liver")


def errors_mm(found: Rigid, truth: Rigid) -> np.ndarray:
    points = GRID.to_world(np.argwhere(liver().mask)[::97])
    gaps: np.ndarray = np.linalg.norm(found.points(points) - truth.points(points), axis=1)
    return gaps


@pytest.mark.parametrize(
    ("shift", "degrees"),
    [((3.0, -2.0, 9.0), (0.0, 0.0, 0.0)), ((-4.0, 5.0, -7.0), (3.0, -2.0, 4.0))],
)
def test_a_known_motion_between_phases_is_found(
    shift: tuple[float, float, float], degrees: tuple[float, float, float]
) -> None:
    truth = motion_of(shift, degrees)
    fixed, moving = patient(STILL, "portal", 1), patient(truth, "arterial", 2)
    found = register_rigid(fixed, moving, CT, around=liver())
    error = errors_mm(found, truth)
    assert np.median(error) <= 0.3
    assert np.percentile(error, 95) <= 1.0
    assert found.metric_after > found.metric_before


def test_equal_input_gives_an_equal_result() -> None:
    fixed, moving = (
        patient(STILL, "portal", 1),
        patient(motion_of((0, 0, 6), (0, 0, 0)), "portal", 2),
    )
    one, two = (register_rigid(fixed, moving, CT, around=liver()) for _ in range(2))
    assert np.array_equal(one.rotation, two.rotation)
    assert np.array_equal(one.shift_mm, two.shift_mm)


def test_the_moved_image_lies_on_the_fixed_one() -> None:
    truth = motion_of((6.0, -4.0, 6.0), (0.0, 0.0, 5.0))
    fixed, moving = patient(STILL, "portal", 1), patient(truth, "portal", 1)
    moved = truth.move(moving, GRID, "linear")
    inner = (slice(6, -6), slice(20, -20), slice(20, -20))
    before = np.abs(moving.data - fixed.data)[inner].mean()
    assert np.abs(moved.data - fixed.data)[inner].mean() < 0.85 * before


def test_images_that_share_nothing_are_refused() -> None:
    rng = np.random.default_rng(0)
    fixed = patient(STILL, "portal", 1)
    other = Volume(rng.normal(0, 100, GRID.shape).astype(np.float32), GRID)
    with pytest.raises(NotEstimableError, match="bring the images closer"):
        register_rigid(fixed, other, RigidParams(largest_shift_mm=1.0), around=liver())


def test_a_motion_beyond_the_bound_is_refused() -> None:
    fixed, moving = (
        patient(STILL, "portal", 1),
        patient(motion_of((0, 0, 9), (0, 0, 0)), "portal", 2),
    )
    with pytest.raises(NotEstimableError, match=r"9\.\d mm"):
        register_rigid(fixed, moving, RigidParams(largest_shift_mm=5.0), around=liver())


def test_a_checkerboard_alternates_the_images() -> None:
    grid = Grid((4, 8, 8), (5.0, 1.0, 1.0))
    one, two = (Volume(np.full(grid.shape, v, np.float32), grid) for v in (1.0, 2.0))
    board = checkerboard(one, two, tile_mm=4.0).data
    assert (board[0, 0, 0], board[0, 0, 4], board[0, 4, 4]) == (1, 2, 1)
