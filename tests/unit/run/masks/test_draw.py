"""One image in, masks out: what is found is written, what is not is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.errors import EmptyRegionError
from hepacast.core.events import Event, Noticed
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import read_mask, write_nifti
from hepacast.run.masks import draw as door
from hepacast.run.masks.draw import Wish, draw

if TYPE_CHECKING:
    from pathlib import Path

GRID = Grid((4, 6, 8), (5.0, 1.5, 1.5))


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image whose liver is its bright half, by networks that are not there."""

    def liver(image: Volume, weights: object, modality: str) -> Region:
        return Region(np.asarray(image.data > 0), image.grid, "liver")

    monkeypatch.setattr(door, "load_keras", lambda _path, organ: organ)
    monkeypatch.setattr(door, "propose_liver", liver)
    data = np.zeros(GRID.shape, np.float32)
    data[:, :, :4] = 50.0
    write_nifti(Volume(data, GRID), tmp_path / "image.nii.gz")
    return tmp_path / "image.nii.gz"


def test_a_liver_without_lesions_is_kept_and_told(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> Region:
        raise EmptyRegionError(what="a lesion", got="none", fix="-")

    monkeypatch.setattr(door, "propose_lesions", none)
    events: list[Event] = []
    weights = tmp_path / "weights"
    masks, agreement = draw(
        image, tmp_path / "out", Wish(liver=weights, lesion=weights), on_event=events.append
    )
    assert list(masks) == ["liver"]
    assert agreement is None
    assert read_mask(masks["liver"]).size == 4 * 6 * 4
    assert any(isinstance(one, Noticed) and "finds none" in one.text for one in events)


def test_lesions_are_looked_for_in_a_given_liver(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Region] = []

    def lesions(image: Volume, liver: Region, weights: object, modality: str) -> Region:
        seen.append(liver)
        return Region(np.asarray(liver.mask), liver.grid, "tumour")

    monkeypatch.setattr(door, "propose_lesions", lesions)
    given = np.zeros(GRID.shape, bool)
    given[1:3, 2:4, 2:4] = True
    write_nifti(Region(given, GRID, "liver"), tmp_path / "given.nii.gz")
    masks, _ = draw(
        image, tmp_path / "out", Wish(lesion=tmp_path / "weights", given=tmp_path / "given.nii.gz")
    )
    assert list(masks) == ["tumour"]
    assert np.array_equal(seen[0].mask, given)
