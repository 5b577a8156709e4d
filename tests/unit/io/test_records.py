# SPDX-License-Identifier: Apache-2.0
"""Records on disk: whole or absent, equal for equal content, found again in packs."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hepacast.core.provenance import digest_bytes
from hepacast.io.records import Record, Records
from hepacast.io.store import StoreError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = tuple(f"portal/tumour/original/firstorder/F{at}" for at in range(6))


def record(seed: int, **changes: Any) -> Record:
    values = np.random.default_rng(seed).normal(size=len(NAMES))
    values[2] = np.nan
    content: dict[str, Any] = {
        "key": digest_bytes(str(seed).encode()),
        "case": f"{seed:03d}",
        "names": NAMES,
        "values": values,
        "reasons": {NAMES[2]: "flat region"},
        "notes": {"notices": [["case", "repaired ≤ 1"]]},
        "pictures": {"regions": b"\x89PNG\x00"},
    }
    return Record(**{**content, **changes})


def same(one: Record, other: Record | None) -> bool:
    assert other is not None
    assert np.array_equal(one.values, other.values, equal_nan=True)
    parts = ("key", "case", "names", "reasons", "notes", "pictures")
    return all(getattr(one, part) == getattr(other, part) for part in parts)


def test_a_record_comes_back_bit_for_bit(tmp_path: Path) -> None:
    kept = record(1)
    Records(tmp_path).keep(kept)
    assert same(kept, Records(tmp_path).find(kept.key))


def test_an_unknown_key_has_no_record(tmp_path: Path) -> None:
    assert Records(tmp_path).find("00" * 32) is None


def test_two_writers_of_one_record_write_the_same_bytes(tmp_path: Path) -> None:
    first = Records(tmp_path / "a").keep(record(1)).read_bytes()
    assert Records(tmp_path / "b").keep(record(1)).read_bytes() == first


def test_names_are_written_once(tmp_path: Path) -> None:
    records = Records(tmp_path)
    for seed in range(5):
        records.keep(record(seed))
    assert len(list((tmp_path / "catalog").iterdir())) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_never_believed(tmp_path: Path, at: int, bit: int) -> None:
    records, kept = Records(tmp_path), record(1)
    path = records.keep(kept)
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1 << bit
    path.write_bytes(data)
    found = records.find(kept.key)
    assert found is None or np.array_equal(found.values, kept.values, equal_nan=True)


@pytest.mark.parametrize("length", [0, 1, 4, 100, -1])
def test_a_record_cut_short_is_no_record(length: int, tmp_path: Path) -> None:
    records, kept = Records(tmp_path), record(1)
    path = records.keep(kept)
    path.write_bytes(path.read_bytes()[:length])
    assert records.find(kept.key) is None


def test_a_record_under_a_strangers_name_is_no_record(tmp_path: Path) -> None:
    records = Records(tmp_path)
    path = records.keep(record(1))
    other = records.path("ab" * 32)
    other.parent.mkdir(parents=True)
    path.rename(other)
    assert records.find("ab" * 32) is None


def test_a_damaged_catalogue_is_written_again(tmp_path: Path) -> None:
    kept = record(1)
    Records(tmp_path).keep(kept)
    next((tmp_path / "catalog").iterdir()).write_bytes(b"not Parquet")
    fresh = Records(tmp_path)
    assert fresh.find(kept.key) is None
    fresh.keep(kept)
    assert same(kept, Records(tmp_path).find(kept.key))


def test_many_records_are_packed_and_found(tmp_path: Path) -> None:
    records = Records(tmp_path)
    kept = [record(seed) for seed in range(7)]
    for one in kept:
        records.keep(one)
    before = records.keys()
    assert records.pack(above=7) == 0
    assert records.pack(above=6, size=3) == 7
    assert len(list((tmp_path / "packs").iterdir())) == 3
    assert not list(tmp_path.glob("cases/??/*.parquet"))
    assert records.keys() == Records(tmp_path).keys() == before
    assert all(same(one, Records(tmp_path).find(one.key)) for one in kept)


def test_a_damaged_pack_gives_no_wrong_record(tmp_path: Path) -> None:
    records = Records(tmp_path)
    kept = [record(seed) for seed in range(3)]
    for one in kept:
        records.keep(one)
    records.pack(above=0)
    pack = next((tmp_path / "packs").iterdir())
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    found = [Records(tmp_path).find(one.key) for one in kept]
    assert None in found
    assert all(b is None or same(a, b) for a, b in zip(kept, found, strict=True))


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
def test_a_disk_that_fails_leaves_nothing_and_loses_nothing(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = Records(tmp_path)
    old = record(1)
    records.keep(old)

    def full(*_args: object, **_options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken:
        target = {"fsync": "os.fsync", "replace": "pathlib.Path.replace", "open": "os.fdopen"}[call]
        broken.setattr(target, full)
        with pytest.raises(StoreError, match="room on the disk"):
            records.keep(record(2))
    assert records.find(record(2).key) is None
    assert same(old, records.find(old.key))


def test_a_full_disk_while_packing_keeps_every_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = Records(tmp_path)
    kept = [record(seed) for seed in range(3)]
    for one in kept:
        records.keep(one)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", full)
        with pytest.raises(StoreError, match="nothing was removed"):
            records.pack(above=0)
    assert all(same(one, Records(tmp_path).find(one.key)) for one in kept)
    assert not list(tmp_path.glob("packs/*"))


def test_what_a_killed_writer_left_is_swept_when_it_is_old(tmp_path: Path) -> None:
    records = Records(tmp_path)
    path = records.keep(record(1))
    orphan = path.with_name(f".{path.name}.abc.tmp")
    orphan.write_bytes(b"half")
    assert records.sweep() == 0
    os.utime(orphan, (0, 0))
    assert records.sweep() == 1
    assert records.find(record(1).key) is not None
