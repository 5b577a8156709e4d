"""Objects wait on the disk until their study is quiet, and become one job."""

from __future__ import annotations

import os
import shutil
import time
import zlib
from typing import TYPE_CHECKING

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from hepacast.serve.audit import Audit
from hepacast.serve.jobs import Jobs
from hepacast.serve.runner import IN
from hepacast.serve.spool import RefusedError, Spool, SpoolFullError
from tests.serve.peers import ROOT, dataset, encoded

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "d" * 64


@pytest.fixture
def spool(jobs: Jobs, tmp_path: Path) -> Spool:
    return Spool(jobs, Audit(tmp_path / "audit.jsonl"), DIGEST, quiet_s=0)


def again(spool: Spool, **options: float) -> Spool:
    """Start anew on the same folder."""
    return Spool(
        Jobs(spool.jobs.folder),
        Audit(spool.audit.path),
        DIGEST,
        quiet_s=options.get("quiet_s", 0),
        most_bytes=int(options.get("most_bytes", 2**30)),
    )


def files(spool: Spool) -> list[Path]:
    return sorted(spool.folder.glob("*/*.dcm"))


def test_objects_of_one_study_become_one_job_under_no_name_of_theirs(spool: Spool) -> None:
    for instance in (1, 2, 3):
        spool.put(encoded(dataset(1, instance)))
    spool.put(encoded(dataset(2, 1)))
    assert spool.sweep() == 2
    job = spool.jobs.take()
    assert job is not None
    names = [p.name for p in spool.jobs.folder.rglob("*")]
    assert not [name for name in names if ROOT in name or "CANARY" in name]
    assert len(list(spool.jobs.folder.glob("jobs/*/in/*.dcm"))) == 4
    assert files(spool) == []
    assert "CANARY" not in spool.audit.path.read_text()


def test_the_same_study_is_one_job_in_any_order_and_however_often(spool: Spool) -> None:
    for order in ((1, 2), (2, 1), (1, 2, 1)):
        for instance in order:
            spool.put(encoded(dataset(1, instance)))
        spool.sweep()
    assert spool.jobs.counts()["waiting"] == 1
    assert spool.audit.path.read_text().count('"known"') == 2


def test_another_predictor_makes_another_job_of_the_same_study(spool: Spool) -> None:
    spool.put(encoded(dataset(1, 1)))
    spool.sweep()
    other = Spool(spool.jobs, spool.audit, "e" * 64, quiet_s=0)
    other.put(encoded(dataset(1, 1)))
    assert other.sweep() == 1
    assert spool.jobs.counts()["waiting"] == 2


def test_a_study_waits_until_it_is_quiet(spool: Spool) -> None:
    slow = again(spool, quiet_s=60)
    slow.put(encoded(dataset(1, 1)))
    assert slow.sweep() == 0
    (place,) = {path.parent for path in files(slow)}
    os.utime(place, (0, time.time() - 61))
    assert slow.sweep() == 0, "nobody could reach a node that has just begun"
    slow._since -= 61
    assert slow.sweep() == 1


def test_a_clock_that_is_put_back_delays_a_study_only_once(spool: Spool) -> None:
    spool.put(encoded(dataset(1, 1)))
    (place,) = {path.parent for path in files(spool)}
    os.utime(place, (0, time.time() + 86400))
    assert spool.sweep() == 0
    spool._since = 0
    assert spool.sweep() == 1


def test_a_study_whose_sender_was_cut_off_waits_for_him(spool: Spool) -> None:
    spool.patience_s = 50
    study = spool.put(encoded(dataset(1, 1)), sending=True)
    assert study is not None
    assert spool.sweep() == 0
    spool.put(encoded(dataset(1, 2)), sending=True)
    spool.release([study])
    assert spool.sweep() == 1
    spool.put(encoded(dataset(2, 1)), sending=True)
    spool._since -= 51
    assert spool.sweep() == 0
    (place,) = {path.parent for path in files(spool)}
    os.utime(place, (0, time.time() - 51))
    assert spool.sweep() == 1, "but not for ever"


def test_a_study_that_is_being_fetched_is_held_even_after_a_failure(spool: Spool) -> None:
    def fetch() -> None:
        with spool.hold(f"{ROOT}.1"):
            spool.put(encoded(dataset(1, 1)))
            assert spool.sweep() == 0
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fetch()
    assert again(spool).sweep() == 0
    with spool.hold(f"{ROOT}.1"):
        spool.put(encoded(dataset(1, 2)))
    assert spool.sweep() == 1
    (place,) = spool.jobs.folder.glob("jobs/*/in")
    assert len(list(place.iterdir())) == 2


def test_a_held_study_is_let_go_after_a_day(spool: Spool) -> None:
    spool.put(encoded(dataset(1, 1)))
    (place,) = {path.parent for path in files(spool)}
    (place / ".fetching").touch()
    assert spool.sweep() == 0
    os.utime(place / ".fetching", (0, time.time() - 90_000))
    assert spool.sweep() == 1


def test_a_process_that_dies_between_renaming_and_queueing_loses_nothing(spool: Spool) -> None:
    spool.put(encoded(dataset(1, 1)))
    target = spool.jobs.place("a" * 64)
    target.mkdir(parents=True)
    (place,) = {path.parent for path in files(spool)}
    place.rename(target / IN)
    again(spool)
    assert spool.jobs.find("a" * 64) is not None


def test_a_study_is_in_the_log_before_it_is_a_job(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_words: object) -> None:
        raise SystemExit

    spool.put(encoded(dataset(1, 1)))
    monkeypatch.setattr(spool.jobs, "add", die)
    with pytest.raises(SystemExit):
        spool.sweep()
    assert '"received"' in spool.audit.path.read_text()
    begun = again(spool)
    assert begun.jobs.counts()["waiting"] == 1


def test_a_torn_object_is_removed_at_the_start(spool: Spool) -> None:
    (spool.folder / ".incoming" / "torn").write_bytes(b"half")
    begun = again(spool)
    assert list(begun.folder.rglob("*")) == [begun.folder / ".incoming"]


def test_a_study_waits_in_the_spool_while_the_queue_is_full(spool: Spool) -> None:
    for study in range(5):
        spool.put(encoded(dataset(study, 1)))
    assert spool.sweep() == spool.jobs.limit == 3
    assert len(files(spool)) == 2
    for _ in range(3):
        job = spool.jobs.take()
        assert job is not None
        spool.jobs.forget(job.id)
    assert spool.sweep() == 0


def test_there_is_an_end_to_the_room_and_sending_again_takes_none(spool: Spool) -> None:
    small = again(spool, most_bytes=10_000)
    for _ in range(5):
        small.put(encoded(dataset(1, 1)))
    small.put(encoded(dataset(1, 2)))
    small.put(encoded(dataset(1, 3)))
    with pytest.raises(SpoolFullError):
        small.put(encoded(dataset(1, 4)))
    assert small.sweep() == 1
    small.put(encoded(dataset(1, 4)))
    assert again(small)._bytes == small._bytes == 4096


def test_room_is_counted_from_the_disk_at_the_start(spool: Spool) -> None:
    spool.put(encoded(dataset(1, 1, StudyDescription="x", EncapsulatedDocument=bytes(100_000))))
    assert again(spool)._bytes == spool._bytes > 100_000
    shutil.rmtree(files(spool)[0].parent)
    assert again(spool)._bytes == 0


def test_our_own_results_are_no_examination(spool: Spool) -> None:
    ours = dataset(1, 1, Manufacturer="hepacast", ContentQualification="RESEARCH")
    spool.put(encoded(ours))
    assert files(spool) == []
    spool.put(encoded(dataset(1, 1, Manufacturer="hepacast")))
    assert len(files(spool)) == 1


def test_a_preamble_is_wiped(spool: Spool) -> None:
    spool.put(b"MZ" + b"\x90" * 126 + encoded(dataset(1, 1))[128:])
    assert files(spool)[0].read_bytes()[:132] == bytes(128) + b"DICM"


@pytest.mark.parametrize(
    "uid",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "..\\..\\x",
        "1.2\0.3",
        "a" * 64,
        "1" * 65,
        "",
        "1.2/../3",
        "..",
        "1..2",
        "1.2.",
    ],
)
def test_an_identifier_that_is_none_is_refused(uid: str, spool: Spool, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    plain = encoded(dataset("1.2.3", "1.2.4"))
    for good in (b"1.2.3\0", b"1.2.4\0"):
        value = uid.encode() + b"\0" * (len(uid) % 2)
        ui = b"UI" + len(value).to_bytes(2, "little") + value
        at = plain.rfind(b"UI\x06\0" + good)
        with pytest.raises(RefusedError):
            spool.put(plain[:at] + ui + plain[at + 10 :])
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_that_is_compressed_as_a_whole_is_refused_unread(spool: Spool) -> None:
    bomb = encoded(dataset(1, 1))
    ds = dataset(1, 1)
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    head = encoded(ds)[: bomb.find(b"\x08\x00\x16\x00")]
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = squeeze.compress(bytes(2**26)) + squeeze.flush()
    with pytest.raises(RefusedError):
        spool.put(head + body)


def test_sequences_five_thousand_deep_are_refused(spool: Spool) -> None:
    open_item = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    whole = encoded(dataset(1, 1))
    at = whole.find(b"\x08\x00\x60\x00")
    with pytest.raises(RefusedError):
        spool.put(whole[:at] + open_item * 5000 + whole[at:])


def test_identifiers_after_the_first_bytes_are_refused(spool: Spool) -> None:
    whole = encoded(dataset(1, 1))
    at = whole.find(b"\x08\x00\x60\x00")
    long = b"\x08\x00\x41\x11UN\0\0" + (2**21).to_bytes(4, "little") + bytes(2**21)
    with pytest.raises(RefusedError):
        spool.put(whole[:at] + long + whole[at:])


@pytest.mark.parametrize("data", [b"", b"DICM", bytes(132), bytes(128) + b"DICM", b"\xff" * 4000])
def test_what_is_no_dicom_is_refused(data: bytes, spool: Spool) -> None:
    with pytest.raises(RefusedError):
        spool.put(data)
    assert files(spool) == []
