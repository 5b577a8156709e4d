"""An upload is written below its folder, within its limits, or refused."""

from __future__ import annotations

import contextlib
import io
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

from hepacast.serve.unpack import Intake, Limits, UploadError, safe_place
from tests.unit.serve.conftest import pack

if TYPE_CHECKING:
    from pathlib import Path

ESCAPES = [
    "../evil", "/etc/passwd", "a/../../evil", "..", ".", "", "a//b", ".hidden", "a/.ssh/keys",
    "a\\..\\evil", "C:\\evil", "nul\0byte", "x" * 300, "/".join("abcdefghij"), "a\nb", "~/x",
    "cases.csv", "sub/CASES.csv", "name\u202e",
]  # fmt: skip


@pytest.mark.parametrize("name", ESCAPES)
def test_no_name_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(UploadError):
        safe_place(tmp_path, name)
    with pytest.raises(UploadError):
        Intake(tmp_path / "in", Limits()).put(name, io.BytesIO(b"x"))


def test_an_archive_is_unpacked_with_its_folders(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(pack({"portal/1.dcm": b"1", "arterial/1.dcm": b"2"}))
    Intake(tmp_path / "in", Limits()).put_zip(tmp_path / "a.zip")
    assert (tmp_path / "in" / "portal" / "1.dcm").read_bytes() == b"1"
    assert (tmp_path / "in" / "arterial" / "1.dcm").read_bytes() == b"2"


@pytest.mark.parametrize("name", [n for n in ESCAPES if n])
def test_an_archive_that_leads_out_writes_nothing_outside(name: str, tmp_path: Path) -> None:
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, b"evil")
    before = {p for p in tmp_path.rglob("*") if p.is_file()}
    with contextlib.suppress(UploadError):
        Intake(tmp_path / "deep" / "in", Limits()).put_zip(tmp_path / "a.zip")
    written = {p for p in tmp_path.rglob("*") if p.is_file()} - before
    assert all(p.is_relative_to(tmp_path / "deep" / "in") for p in written)


@pytest.mark.parametrize(
    ("limits", "files"),
    [
        (Limits(), {"bomb": bytes(40 * 2**20)}),
        (Limits(unpacked_bytes=1000), {"a": b"\x01" * 600, "b": b"\x02" * 600}),
        (Limits(files=3), {str(n): b"" for n in range(4)}),
        (Limits(), {str(n): bytes(2**20) for n in range(40)}),
    ],
)
def test_a_bomb_stops_before_it_is_on_the_disk(
    limits: Limits, files: dict[str, bytes], tmp_path: Path
) -> None:
    data = pack(files)
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(UploadError, match="at most"):
        Intake(tmp_path / "in", limits).put_zip(tmp_path / "a.zip")
    written = sum(p.stat().st_size for p in (tmp_path / "in").rglob("*") if p.is_file())
    assert written <= max(100 * len(data), 2**20)


def test_links_and_damage_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(UploadError, match="link"):
        Intake(tmp_path / "in", Limits()).put_zip(tmp_path / "a.zip")
    good = bytearray(pack({"a": bytes(range(256)) * 9}))
    for at in range(0, len(good), 7):
        bad = bytearray(good)
        bad[at] ^= 0xFF
        (tmp_path / "b.zip").write_bytes(bad)
        try:
            Intake(tmp_path / f"in{at}", Limits()).put_zip(tmp_path / "b.zip")
        except UploadError:
            continue


def test_a_name_is_used_once(tmp_path: Path) -> None:
    intake = Intake(tmp_path, Limits())
    intake.put("a", io.BytesIO(b"1"))
    for name in ("a", "a/b"):
        with pytest.raises(UploadError, match="name of its own"):
            intake.put(name, io.BytesIO(b"2"))
    assert (tmp_path / "a").read_bytes() == b"1"
