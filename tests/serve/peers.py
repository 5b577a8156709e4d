"""What stands beside a node: senders, and small objects to send."""

from __future__ import annotations

import io
import socket
import time
from typing import TYPE_CHECKING, Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pynetdicom.association import Association

ROOT = "1.2.826.0.1.3680043.10.1499"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    """Say whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something is so, and fail if it does not become so."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def dataset(study: int | str, instance: int | str, **attributes: Any) -> Dataset:
    """Make a small object of a study."""
    ds = Dataset()
    ds.SOPClassUID = CTImageStorage
    ds.StudyInstanceUID = study if isinstance(study, str) else f"{ROOT}.{study}"
    ds.SeriesInstanceUID = f"{ROOT}.{study}.1"
    ds.SOPInstanceUID = instance if isinstance(instance, str) else f"{ROOT}.{study}.1.{instance}"
    ds.PatientName, ds.PatientID, ds.Modality = "CANARY^NAME", "CANARY-ID", "CT"
    for name, value in attributes.items():
        setattr(ds, name, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = CTImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def encoded(ds: Dataset) -> bytes:
    """Return an object as a file."""
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, ds, enforce_file_format=True)
    return stream.getvalue()


def send(
    port: int,
    files: Sequence[Dataset],
    *,
    called: str = "HEPACAST",
    calling: str = "PACS",
    syntax: str = ExplicitVRLittleEndian,
) -> list[int]:
    """Send objects in one association; returns the statuses, none where it was not accepted."""
    ae = AE(ae_title=calling)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
    for sop_class in dict.fromkeys(str(ds.SOPClassUID) for ds in files):
        ae.add_requested_context(sop_class, syntax)
    association = ae.associate("127.0.0.1", port, ae_title=called)
    if not association.is_established:
        return []
    raw = connection_of(association)
    try:
        return [association.send_c_store(ds).get("Status", -1) for ds in files]
    except (ValueError, RuntimeError):
        return []
    finally:
        association.release()
        # Of a connection that the other side has ended, pynetdicom leaves the socket open.
        raw.close()


def connection_of(association: Association) -> socket.socket:
    """Return the socket of an association."""
    wrapped = association.dul.socket
    assert wrapped is not None
    assert wrapped.socket is not None
    found: socket.socket = wrapped.socket
    return found


def echo(port: int) -> bool:
    """Say whether a node answers."""
    ae = AE(ae_title="PACS")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
    ae.add_requested_context("1.2.840.10008.1.1")
    association = ae.associate("127.0.0.1", port, ae_title="HEPACAST")
    if not association.is_established:
        return False
    status = association.send_c_echo().get("Status", -1)
    association.release()
    return bool(status == 0)
