# SPDX-License-Identifier: Apache-2.0
"""A finished run is recognised by its key and by its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hepacast.run.finished import NOTE, is_finished, note_finished

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "report.html", tmp_path / "tables" / "auc.csv"]
    paths[1].parent.mkdir()
    for path in paths:
        path.write_text(path.name)
    return paths


def test_a_run_of_the_same_key_is_finished(tmp_path: Path, files: list[Path]) -> None:
    note_finished(tmp_path, "k1", files)
    assert is_finished(tmp_path, "k1", files)
    assert is_finished(tmp_path, "k1", files[:1])


@pytest.mark.parametrize("change", ["key", "none", "content", "absent", "more", "note"])
def test_a_run_that_differs_in_anything_is_not(
    change: str, tmp_path: Path, files: list[Path]
) -> None:
    note_finished(tmp_path, "k1", files)
    key: str | None = {"key": "k2", "none": None}.get(change, "k1")
    if change == "content":
        files[1].write_text("edited")
    if change == "absent":
        files[1].unlink()
    if change == "note":
        (tmp_path / NOTE).write_text("[]")
    wanted = [*files, tmp_path / "new.csv"] if change == "more" else files
    assert not is_finished(tmp_path, key, wanted)


def test_a_run_without_a_key_leaves_no_note_behind(tmp_path: Path, files: list[Path]) -> None:
    note_finished(tmp_path, "k1", files)
    note_finished(tmp_path, None, files)
    assert not (tmp_path / NOTE).exists()
    assert not is_finished(tmp_path, None, files)
