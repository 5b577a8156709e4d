"""Results go to an archive by C-STORE, and count as sent only when it has taken all."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from pynetdicom import AE, AllStoragePresentationContexts, evt

from hepacast.serve.address import ArchiveError
from hepacast.serve.deliver import Deliver, StoreParams
from hepacast.serve.jobs import Job
from tests.serve.peers import dataset, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOB = Job("a", "test", "working", "", 1, 0.0, None)
# Of a connection that is refused, pynetdicom leaves the socket to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


@contextmanager
def archive(port: int, status: int, got: list[str]) -> Iterator[None]:
    ae = AE(ae_title="ARCHIVE")
    ae.require_called_aet = True
    ae.require_calling_aet = ["OURS"]
    ae.supported_contexts = AllStoragePresentationContexts

    def store(event: Any) -> int:
        got.append(str(event.dataset.SOPInstanceUID))
        return status

    address = ("127.0.0.1", port)
    server = ae.start_server(address, block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    assert server is not None
    try:
        yield
    finally:
        server.shutdown()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    for n in (1, 2):
        pydicom.dcmwrite(tmp_path / f"{n}.dcm", dataset(1, n), enforce_file_format=True)
    return tmp_path


@pytest.mark.parametrize(("status", "taken"), [(0, 2), (0xB000, 2), (0xA700, 1), (0xC000, 1)])
def test_a_warning_is_taken_and_a_failure_is_sent_again(status: int, taken: int, out: Path) -> None:
    port, got = free_port(), list[str]()
    deliver = Deliver(StoreParams(host="127.0.0.1", port=port, aet="ARCHIVE"), "OURS")
    with archive(port, status, got):
        if taken == 2:
            deliver(JOB, out)
        else:
            with pytest.raises(ArchiveError, match="status"):
                deliver(JOB, out)
    assert len(got) == taken


@pytest.mark.parametrize(("called", "calling"), [("OTHER", "OURS"), ("ARCHIVE", "STRANGER")])
def test_an_archive_that_does_not_know_us_is_asked_again(
    called: str, calling: str, out: Path
) -> None:
    port, got = free_port(), list[str]()
    deliver = Deliver(StoreParams(host="127.0.0.1", port=port, aet=called), calling)
    with archive(port, 0, got), pytest.raises(ArchiveError, match="association"):
        deliver(JOB, out)
    assert got == []


def test_an_archive_that_is_away_is_an_error_without_its_address(out: Path) -> None:
    deliver = Deliver(StoreParams(host="127.0.0.1", port=free_port(), aet="ARCHIVE"), "OURS")
    with pytest.raises(ArchiveError, match="association"):
        deliver(JOB, out)


def test_a_case_without_objects_needs_no_archive(tmp_path: Path) -> None:
    Deliver(StoreParams(host="127.0.0.1", port=1, aet="ARCHIVE"), "OURS")(JOB, tmp_path)
