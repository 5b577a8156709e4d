# SPDX-License-Identifier: Apache-2.0
"""The ledger: files recognised without being read, changes named."""

from __future__ import annotations

import gzip
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from hepacast.core.errors import ImageFileError
from hepacast.run.work.ledger import (
    Entry,
    Known,
    Ledger,
    differences,
    digest_file,
    look,
    stamp,
    unchanged,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Write a file that stands for an image."""
    path = tmp_path / "image.nii.gz"
    path.write_bytes(gzip.compress(b"voxels", 1))
    return path


def entry(image: Path, **files: Known) -> Entry:
    known = Known(stamp(image), digest_file(image), {"image": "v1"})
    return Entry("007", "measure", 1, {"bins": 25}, {"A image": "v1"}, {"A image": known, **files})


def test_an_entry_comes_back(tmp_path: Path, image: Path) -> None:
    ledger = Ledger(tmp_path / "index")
    ledger.write(entry(image))
    assert ledger.read("007") == entry(image)
    assert ledger.read("7") is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"case": "007"}', "not JSON"])
def test_a_broken_entry_is_no_entry(text: str, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.path("007").write_text(text)
    assert ledger.read("007") is None


def test_an_id_that_is_a_path_stays_inside_the_folder(tmp_path: Path) -> None:
    assert Ledger(tmp_path).path("../../etc/passwd").parent == tmp_path


def test_a_file_that_was_not_touched_is_not_read(image: Path) -> None:
    def never() -> str:
        pytest.fail("decoded")

    assert look(image, "image", entry(image), never) == entry(image).files["A image"]
    assert unchanged(entry(image), {"A image": image})


def test_a_file_that_was_touched_or_moved_is_read_but_not_decoded(
    image: Path, tmp_path: Path
) -> None:
    before = entry(image)
    os.utime(image, (1, 1))
    assert not unchanged(before, {"A image": image})
    moved = tmp_path / "elsewhere.nii.gz"
    shutil.copyfile(image, moved)

    def never() -> str:
        pytest.fail("decoded")

    for path in (image, moved):
        assert look(path, "image", before, never).digests == {"image": "v1"}


def test_a_file_packed_anew_is_decoded(image: Path) -> None:
    before = entry(image)
    image.write_bytes(gzip.compress(b"voxels", 9))
    assert look(image, "image", before, lambda: "v1").digests == {"image": "v1"}


def test_stamps_are_not_trusted_on_request(image: Path) -> None:
    before = entry(image)
    status = image.stat()
    image.write_bytes(image.read_bytes()[:-1] + b"\x01")
    os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert look(image, "image", before, lambda: "v2").digests == {"image": "v1"}
    assert look(image, "image", before, lambda: "v2", rehash=True).digests == {"image": "v2"}


def test_a_folder_is_known_by_what_its_files_hold_not_by_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    (folder / "1.dcm").write_bytes(b"one")
    (folder / "2.dcm").write_bytes(b"two")
    before = digest_file(folder)
    (folder / "1.dcm").rename(folder / "z.dcm")
    assert digest_file(folder) == before
    (folder / "3.dcm").write_bytes(b"three")
    assert digest_file(folder) != before


@pytest.mark.parametrize("ask", [stamp, digest_file])
def test_a_file_that_is_not_there_is_named(ask: object, tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match=r"absent\.nii"):
        ask(tmp_path / "absent.nii")  # type: ignore[operator]
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ImageFileError, match="nothing at that path"):
        ask(empty)  # type: ignore[operator]


def test_differences_name_the_field_and_both_values() -> None:
    before = {"params": {"ring_mm": 5.0}, "version": 1}
    now = {"params": {"ring_mm": 4.0, "inside": "liver"}, "version": 1}
    assert list(differences(before, now)) == [
        ("params.inside", "absent", '"liver"'),
        ("params.ring_mm", "5.0", "4.0"),
    ]
    assert list(differences(now, now)) == []
