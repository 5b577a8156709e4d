"""The DICOM port: who gets in, what is kept, and what a rude caller achieves."""

from __future__ import annotations

import contextlib
import random
import resource
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE

from hepacast.serve.audit import Audit
from hepacast.serve.gate import PDU
from hepacast.serve.listen import ListenParams, listen, receive
from hepacast.serve.spool import Spool
from tests.serve.peers import ROOT, connection_of, dataset, echo, encoded, free_port, send, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydicom import Dataset
    from pynetdicom.association import Association

    from hepacast.serve.jobs import Jobs

# Of a caller who is refused, pynetdicom leaves the socket to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


@pytest.fixture
def spool(jobs: Jobs, tmp_path: Path) -> Spool:
    return Spool(jobs, Audit(tmp_path / "audit.jsonl"), "d" * 64, quiet_s=0)


@contextlib.contextmanager
def listening(spool: Spool, **options: object) -> Iterator[int]:
    port = free_port()
    params = ListenParams.model_validate({"port": port, "callers": ["PACS"], **options})
    server = listen(params, spool)
    try:
        yield port
    finally:
        server.shutdown()


@pytest.fixture
def port(spool: Spool) -> Iterator[int]:
    with listening(spool, idle_s=3, object_mib=2, memory_mib=4) as port:
        yield port


def kept(spool: Spool) -> int:
    return len(list(spool.folder.glob("*/*.dcm")))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_an_object_is_on_the_disk_when_success_is_said(
    syntax: UID, port: int, spool: Spool
) -> None:
    files = [dataset(1, instance) for instance in (1, 2, 3)]
    for ds in files:
        ds.file_meta.TransferSyntaxUID = syntax
    assert send(port, files, syntax=syntax) == [0, 0, 0]
    assert kept(spool) == 3


def test_a_study_is_whole_when_the_caller_has_taken_his_leave(port: int, spool: Spool) -> None:
    spool.patience_s = 60
    _cut_off(port, [dataset(1, 1), dataset(2, 1)])
    time.sleep(0.5)
    assert spool.sweep() == 0
    assert send(port, [dataset(1, 1), dataset(1, 2)]) == [0, 0]
    wait_for(spool.sweep)
    assert len(list(spool.jobs.folder.glob("jobs/*/in/*.dcm"))) == 2


def _cut_off(port: int, files: list[Dataset]) -> None:
    ae = AE(ae_title="PACS")
    ae.add_requested_context(files[0].SOPClassUID)
    association = ae.associate("127.0.0.1", port, ae_title="HEPACAST")
    assert [association.send_c_store(ds).Status for ds in files] == [0] * len(files)
    association.abort()


def test_only_known_callers_get_in_and_only_by_our_name(port: int, spool: Spool) -> None:
    assert send(port, [dataset(1, 1)], calling="STRANGER") == []
    assert send(port, [dataset(1, 1)], called="ANYONE") == []
    assert kept(spool) == 0


def test_a_caller_from_elsewhere_is_not_even_heard(spool: Spool) -> None:
    with listening(spool, hosts=["127.0.0.2/32"]) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
            assert caller.recv(1) == b""
        assert not echo(port)


def test_a_door_that_is_open_to_others_names_them() -> None:
    with pytest.raises(ValidationError, match="hosts"):
        ListenParams(host="0.0.0.0", callers=("PACS",))  # noqa: S104 - that is the point
    ListenParams.model_validate(
        {"host": "0.0.0.0", "callers": ["PACS"], "hosts": ["10.1.0.0/16"]}  # noqa: S104
    )


def test_a_full_spool_says_so_and_nothing_is_acknowledged(spool: Spool) -> None:
    spool.most_bytes = 5000
    assert receive(encoded(dataset(1, 1)), spool)[0] == 0
    assert receive(encoded(dataset(1, 2)), spool)[0] == 0
    assert receive(encoded(dataset(1, 3)), spool) == (0xA700, None)
    assert kept(spool) == 2


def test_a_disk_that_fails_is_no_success(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_handle: int) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr("hepacast.serve.spool.os.fsync", fail)
    assert receive(encoded(dataset(1, 1)), spool) == (0xA700, None)
    assert kept(spool) == 0
    assert list((spool.folder / ".incoming").iterdir()) == []


def test_fifty_silent_callers_keep_nobody_out(port: int, spool: Spool) -> None:
    silent = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(50)]
    try:
        assert send(port, [dataset(1, 1)]) == [0]
        assert echo(port)
        assert kept(spool) == 1
    finally:
        for caller in silent:
            caller.close()


def test_there_is_a_most_of_associations(spool: Spool) -> None:
    with listening(spool, associations=2) as port:
        busy = [_half_an_object(port) for _ in range(2)]
        assert not echo(port)
        for association in busy:
            association.abort()
        wait_for(lambda: echo(port))


def test_one_who_drips_is_hung_up_on(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        caller.sendall(b"\x01\x00" + struct.pack(">L", 1000))
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - begun < 15:
                caller.sendall(b"\x00")
                time.sleep(0.3)
        assert time.monotonic() - begun < 12
    assert echo(port)


@pytest.mark.parametrize("announced", [2**32 - 1, 2 * PDU + 1])
@pytest.mark.parametrize("kind", [1, 4])
def test_a_message_of_four_gibibytes_is_not_awaited(kind: int, announced: int, port: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    block, sent = bytes(2**20), 0
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        caller.sendall(struct.pack(">BBL", kind, 0, announced))
        with contextlib.suppress(OSError):
            while sent < 300 * 2**20:
                caller.sendall(block)
                sent += len(block)
    assert sent < 64 * 2**20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert echo(port)


def test_an_object_over_the_limit_is_cut_off_and_the_next_is_taken(port: int, spool: Spool) -> None:
    big = dataset(1, 1, EncapsulatedDocument=bytes(3 * 2**20))
    assert send(port, [big]) in ([], [-1])
    fitting = [dataset(1, n, EncapsulatedDocument=bytes(2**20)) for n in (2, 3, 4)]
    assert send(port, fitting) == [0, 0, 0]
    assert kept(spool) == 3


def test_all_callers_together_have_a_limit_of_memory(spool: Spool) -> None:
    with listening(spool, object_mib=2, memory_mib=3) as port:
        big = dataset(1, 1, EncapsulatedDocument=bytes(2**21 - 4096))
        slow = [_half_an_object(port) for _ in range(2)]
        try:
            wait_for(lambda: send(port, [big]) in ([], [-1]))
        finally:
            for association in slow:
                association.abort()
        wait_for(lambda: send(port, [big]) == [0])


def _half_an_object(port: int) -> Association:
    """Send the beginning of an object, and fall silent."""
    ae = AE(ae_title="PACS")
    ae.add_requested_context(dataset(1, 1).SOPClassUID)
    association = ae.associate("127.0.0.1", port, ae_title="HEPACAST")
    assert association.is_established
    fragment = b"\x01\x00" + bytes(100_000)
    pdu = struct.pack(">BBL", 4, 0, len(fragment) + 4) + struct.pack(">L", len(fragment)) + fragment
    for _ in range(8):
        connection_of(association).sendall(pdu)
    return association


def test_five_hundred_damaged_objects_leave_the_node_at_work(port: int, spool: Spool) -> None:
    rng = random.Random(7)  # noqa: S311 - damage, not secrets
    good = encoded(dataset(1, 1, StudyDescription="x" * 50))
    statuses = []
    for _ in range(500):
        data = bytearray(good)
        for _ in range(rng.randint(1, 30)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        cut = rng.randrange(len(data)) if rng.random() < 0.3 else len(data)
        statuses.append(receive(bytes(data[:cut]), spool)[0])
    assert set(statuses) == {0, 0xC000}
    assert statuses.count(0xC000) > 100
    assert echo(port)


def test_identifiers_of_a_caller_never_become_places(
    port: int, spool: Spool, tmp_path: Path
) -> None:
    evil = dataset(1, 1)
    evil.StudyInstanceUID = f"{ROOT}.9"
    raw = dataset(1, 2)
    raw.add_new("StudyInstanceUID", "LO", "../../../../tmp/evil")
    assert send(port, [evil, raw]) == [0, 0xC000]
    outside = [p for p in tmp_path.rglob("*.dcm") if not p.is_relative_to(spool.folder)]
    assert outside == []


def test_many_send_at_once(port: int, spool: Spool) -> None:
    answers: list[list[int]] = []

    def one(study: int) -> None:
        answers.append(send(port, [dataset(study, n) for n in range(1, 21)]))

    senders = [threading.Thread(target=one, args=(study,)) for study in range(1, 7)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert answers == [[0] * 20] * 6
    assert kept(spool) == 120
