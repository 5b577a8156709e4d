"""Maps of networks: of patients whom they never saw, on the grid of their images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.errors import LeakError
from hepacast.core.geometry import Grid
from hepacast.core.table import FeatureTable
from hepacast.core.volume import Region, Volume
from hepacast.run.content.look_pages import Viewed, _summary, file_name
from hepacast.run.parts.deep_settings import NetworkModelParams
from hepacast.run.protocol.chain import FittedStudy
from hepacast.run.protocol.looks import Look, look
from hepacast.run.protocol.saliency import Place, place_maps

if TYPE_CHECKING:
    from hepacast.deep.saliency import MassShares

GRID = Grid((6, 30, 30), (3.0, 1.0, 1.0))


def test_no_map_is_made_of_a_patient_who_was_learned_from() -> None:
    fitted = FittedStudy({}, {}, {}, {}, seen=frozenset({"P1"}))
    with pytest.raises(LeakError, match="the first is 'P1'"):
        look(fitted, FeatureTable(np.zeros((2, 0)), ("P1", "P2"), ()))
    assert look(fitted, FeatureTable(np.zeros((1, 0)), ("P2",), ())) == {}


def test_the_maps_of_several_slices_lie_where_their_slices_lie() -> None:
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[2:4, 10:20, 10:20] = True
    tumour = Region(mask, GRID, "tumour")
    crops = tuple(Grid((1, 20, 20), (3.0, 1.0, 1.0), (5.0, 5.0, 3.0 * k)) for k in (2, 3))
    blank, bright = np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32)
    bright[1:3, 1:3] = 2.0
    seen = Look((blank, bright), "grad-cam", "logit 0", "last", (0.2, 0.6), (0.1, 0.1), ("coarse",))
    image = Volume(np.zeros(GRID.shape, np.float32), GRID)
    found = place_maps(seen, Place(crops, image, tumour))
    filled = found.volume.data.sum(axis=(1, 2))
    assert (filled > 0).tolist() == [False, False, False, True, False, False]
    assert found.picture.mask.any(axis=(1, 2)).tolist() == [False, False, True, True, False, False]
    assert found.shares is not None
    assert found.shares.tumour > 2 * found.shares.expected_tumour
    assert "4 x 4 cells on each of 2 slices" in found.caption()
    assert "image 0.400, empty image 0.100; coarse" in found.caption()


def test_maps_are_asked_for_by_name_or_not_at_all() -> None:
    assert NetworkModelParams().maps is not None
    named = NetworkModelParams.model_validate({"maps": "score-cam"}).maps
    assert named is not None
    assert named.kind == "score-cam"
    assert NetworkModelParams.model_validate({"maps": None}).maps is None


def shares(tumour: float) -> MassShares:
    from hepacast.deep.saliency import MassShares  # noqa: PLC0415 - one test

    return MassShares(
        tumour=tumour, ring=0.2, outside=0.8 - tumour, expected_tumour=0.1, expected_ring=0.1
    )


def test_the_mean_share_is_told_beside_that_of_even_maps() -> None:
    seen = [
        Viewed("er dl", case, "", Path(), one)
        for case, one in (("A", shares(0.2)), ("B", shares(0.4)), ("C", None))
    ]
    text = _summary(seen)
    assert text.startswith("3 cases that their network never saw, 1 of them blank")
    assert "30 % of the mass in the tumour and 20 % in the ring" in text


def test_names_of_files_stay_apart() -> None:
    assert file_name("er dl") == "er-dl"
    assert file_name("a/b") != file_name("a:b")
