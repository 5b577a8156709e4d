# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or absent."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from hepacast.io.store import StoreError, write_atomic


def full(*_args: object, **_kwargs: object) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_text_is_written_as_utf8_into_a_new_folder(tmp_path: Path) -> None:
    path = write_atomic(tmp_path / "a" / "b.txt", "größer 男\n")
    assert path.read_bytes() == "größer 男\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["b.txt"]


def test_a_second_writing_replaces_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_atomic(path, b"long " * 1000)
    write_atomic(path, b"short")
    assert path.read_bytes() == b"short"


@pytest.mark.parametrize(
    ("owner", "name"), [(os, "fsync"), (Path, "replace"), (Path, "chmod")], ids=str
)
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: object, name: str
) -> None:
    path = write_atomic(tmp_path / "result.json", "old")
    monkeypatch.setattr(owner, name, full)
    with pytest.raises(StoreError, match=r"result.json.*No space left on device"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_a_file_shorter_than_what_was_written_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(handle: int) -> None:
        os.ftruncate(handle, 1)

    monkeypatch.setattr(os, "fsync", forgetful)
    with pytest.raises(StoreError, match="shorter"):
        write_atomic(tmp_path / "result.json", "new")
    assert list(tmp_path.iterdir()) == []


def test_stopping_by_hand_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_handle: int) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "result.json", "new")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(StoreError, match="folder that can be written"):
        write_atomic(tmp_path / "out" / "result.json", "new")
    assert (tmp_path / "out").read_text() == "mine"
