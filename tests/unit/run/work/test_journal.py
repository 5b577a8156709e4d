# SPDX-License-Identifier: Apache-2.0
"""The log for machines: every event a line, progress with its speed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hepacast.core.errors import TableError
from hepacast.core.events import Advanced, Failed, Noticed, Started
from hepacast.run.work.journal import JOURNAL, Journal

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / JOURNAL).read_text().splitlines()]


def test_progress_says_speed_and_time_left(tmp_path: Path) -> None:
    times = iter([100.0, 102.0, 104.0])
    journal = Journal(tmp_path, lambda: next(times))
    for event in (Started("measure", 8), Advanced("measure", "张"), Advanced("measure", "b")):
        journal(event)
    first, second, third = read(tmp_path)
    assert (first["event"], first["total"]) == ("started", 8)
    assert (second["item"], second["done"], second["per_s"], second["left_s"]) == ("张", 1, 0.5, 14)
    assert (third["done"], third["left_s"]) == (2, 12.0)
    assert int(str(third["memory_mb"])) > 10


def test_notices_and_failures_are_lines_too(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal(Noticed("case 1", "repaired"))
    journal(Failed("measure", "2", TableError(what="a", got="b\nc", fix="d")))
    notice, failure = read(tmp_path)
    assert (notice["where"], notice["text"]) == ("case 1", "repaired")
    assert (failure["error"], failure["text"]) == ("TableError", "a; got b\nc. d")


def test_nothing_is_written_before_the_folder_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    journal = Journal(folder)
    journal(Noticed("a", "early"))
    assert not folder.exists()
    folder.mkdir()
    journal(Noticed("a", "late"))
    assert [line["text"] for line in read(folder)] == ["early", "late"]
