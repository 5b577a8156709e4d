# SPDX-License-Identifier: Apache-2.0
"""ANTs in its own process: what is asked of it, and what becomes of its answers."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.errors import NotEstimableError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.ants import AntsParams, ProgramError, register_with_ants
from hepacast.run.parts.align import AlignParams, align

if TYPE_CHECKING:
    from pathlib import Path

GRID = Grid((12, 20, 24), (3.0, 2.0, 2.0), (-20.0, -15.0, 5.0))
# A stand-in for ANTs that finds whole slices along k; it reads and writes what ANTs would.
STAND_IN = """
import os
import numpy as np
import SimpleITK as sitk


def image_read(path):
    return sitk.ReadImage(path)


def image_write(image, path):
    sitk.WriteImage(image, path)


def registration(fixed, moving, type_of_transform, mask, random_seed):
    assert type_of_transform == "Rigid" and random_seed == 5
    assert mask is None or sitk.GetArrayFromImage(mask).max() == 1
    shift = int(os.environ["STAND_IN_SHIFT"])
    if shift == 99:
        raise RuntimeError("no overlap of Zhang")
    return {"fwdtransforms": shift}


def apply_transforms(fixed, moving, transformlist, interpolator, defaultvalue):
    data = np.roll(sitk.GetArrayFromImage(moving), transformlist, axis=0)
    if transformlist:
        data[:transformlist] = defaultvalue
    moved = sitk.GetImageFromArray(data)
    moved.CopyInformation(fixed)
    return moved
"""


def scan(shift: int = 0) -> Volume:
    rng = np.random.default_rng(1)
    data = rng.normal(0, 5, (GRID.shape[0] + 8, *GRID.shape[1:]))
    data[8:14, 5:15, 6:18] += 100
    return Volume(data[4 - shift : 4 - shift + GRID.shape[0]].astype(np.float32), GRID)


def organ() -> Region:
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[4:10, 5:15, 6:18] = True
    return Region(mask, GRID, "liver")


@pytest.fixture
def ants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AntsParams:
    """Return settings whose interpreter finds the stand-in."""
    (tmp_path / "ants.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return AntsParams(interpreter=sys.executable, seed=5)


def test_the_moved_image_lies_on_the_fixed_grid_and_gaps_are_known(
    ants: AntsParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_SHIFT", "2")
    moved = register_with_ants(scan(), scan(-2), ants, around=organ())
    assert moved.grid == GRID
    assert np.isnan(moved.data[:2]).all()
    assert np.array_equal(moved.data[2:], scan().data[2:])


def test_a_study_judges_ants_by_the_same_measure(
    ants: AntsParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, liver = {"portal": scan(), "arterial": scan(-2)}, organ()
    params = AlignParams(to="portal", ants=ants)
    monkeypatch.setenv("STAND_IN_SHIFT", "2")
    found = align(images, {"liver": liver}, liver, params)["arterial"]
    assert found.information[1] > found.information[0]
    assert np.isfinite(found.after.data).all()
    monkeypatch.setenv("STAND_IN_SHIFT", "5")
    with pytest.raises(NotEstimableError, match="must bring the images closer"):
        align({"portal": scan(), "arterial": scan()}, {"liver": liver}, liver, params)


def test_a_failure_of_ants_is_one_line(ants: AntsParams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN_SHIFT", "99")
    with pytest.raises(NotEstimableError, match="exit code 1: RuntimeError: no overlap"):
        register_with_ants(scan(), scan(), ants)


def test_an_interpreter_without_ants_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="pip install antspyx"):
        register_with_ants(scan(), scan(), AntsParams(interpreter=sys.executable))
    with pytest.raises(ProgramError, match="must be a Python interpreter"):
        register_with_ants(scan(), scan(), AntsParams(interpreter=str(tmp_path / "absent")))


@pytest.mark.slow
@pytest.mark.oracle
def test_the_real_program_finds_the_shift() -> None:
    place = os.environ.get("HEPACAST_ANTS")
    if not place:
        pytest.skip("HEPACAST_ANTS names no interpreter that has ANTs")
    images, liver = {"portal": scan(), "arterial": scan(-1)}, organ()
    params = AlignParams(to="portal", ants=AntsParams(interpreter=place))
    found = align(images, {}, liver, params)["arterial"]
    assert found.information[1] > found.information[0]
