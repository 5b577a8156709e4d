# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.cli.progress import progress
from hepacast.core.events import Advanced, Noticed, Started

if TYPE_CHECKING:
    import pytest


def test_a_stage_shows_how_many_of_its_steps_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as tell:
        tell(Started("validate recurrence", 2))
        tell(Advanced("validate recurrence", "fold 1"))
        tell(Advanced("validate recurrence", "fold 2"))

    shown = capsys.readouterr().err
    assert "validate recurrence" in shown
    assert "2/2" in shown


def test_a_stage_without_steps_shows_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as tell:
        tell(Started("permuted labels", 0))
        tell(Noticed("table", "a column is left out"))

    shown = capsys.readouterr().err
    assert "permuted labels" not in shown
    assert "note  table: a column is left out" in shown


def test_a_note_that_comes_back_is_printed_once_and_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress() as tell:
        for case in ("P003", "P004", "P007"):
            tell(Noticed(f"case {case}", "liver reaches the end of the scan"))
        tell(Noticed("case P018", "tumour: 5 voxels in holes"))

    assert capsys.readouterr().err.splitlines() == [
        "note  case P003: liver reaches the end of the scan",
        "note  case P018: tumour: 5 voxels in holes",
        "note  2 more: liver reaches the end of the scan",
    ]
