"""A small patient to do damage to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pydicom
import pytest

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.dicom.write import SeriesIdentity, write_series

if TYPE_CHECKING:
    from pathlib import Path

GRID = Grid((12, 24, 24), (5.0, 1.0, 1.0), (-50.0, -40.0, 10.0))


class Edit(Protocol):
    """Change attributes of a DICOM file in place; ``None`` deletes one."""

    def __call__(self, path: Path, **attributes: object) -> None: ...


@pytest.fixture
def ct() -> Volume:
    rng = np.random.default_rng(11)
    data = np.full(GRID.shape, -1000.0)
    data[:, 3:21, 3:21] = rng.normal(30, 10, (12, 18, 18))
    data[2:10, 6:16, 5:15] = rng.normal(110, 8, (8, 10, 10))
    return Volume(np.round(data).astype(np.float32), GRID)


@pytest.fixture
def liver() -> Region:
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[2:10, 6:16, 5:15] = True
    return Region(mask, GRID, "liver")


@pytest.fixture
def tumour() -> Region:
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[4:7, 8:12, 7:11] = True
    return Region(mask, GRID, "tumour")


@pytest.fixture
def series(tmp_path: Path, ct: Volume) -> tuple[Path, ...]:
    """Return the files of one CT series, in slice order."""
    return write_series(ct, tmp_path / "series", SeriesIdentity(patient="P7", series="portal"))


@pytest.fixture
def edit() -> Edit:
    def change(path: Path, **attributes: object) -> None:
        dataset = pydicom.dcmread(path)
        for name, value in attributes.items():
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)
        dataset.save_as(path)

    return change
