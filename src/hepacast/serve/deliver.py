# SPDX-License-Identifier: Apache-2.0
"""Results on their way back to the archive: by C-STORE, or by STOW-RS."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field as Setting
from pydantic import PositiveFloat

from hepacast.core.params import Params
from hepacast.serve.address import ArchiveError, WebParams, reach
from hepacast.serve.listen import Title
from hepacast.serve.tls import ClientTlsParams, client_context

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.serve.jobs import Job

_STORED = {0x0000, 0xB000, 0xB006, 0xB007}
"""Success, and warnings after which the object is kept (PS3.4 B.2.3)."""
_FAILED = "00081198"
"""Failed SOP Sequence of an answer to STOW-RS (PS3.18 I.2)."""


class StoreParams(Params):
    """An archive that takes results by C-STORE."""

    kind: Literal["c-store"] = "c-store"
    host: str
    """Address."""
    port: Annotated[int, Setting(ge=1, le=65535)]
    """Port."""
    aet: Title
    """Its application entity title."""
    seconds: PositiveFloat = 30.0
    """Longest wait for an answer."""
    tls: ClientTlsParams | None = None
    """Encryption; without it everything is in the clear."""


class StowParams(WebParams):
    """An archive that takes results by STOW-RS; ``url`` is the base of its DICOMweb."""

    kind: Literal["stow"]


Target = Annotated[StoreParams | StowParams, Setting(discriminator="kind")]


class Deliver:
    """Send the DICOM objects of a job to one archive; sending twice does no harm.

    Parameters
    ----------
    target : StoreParams or StowParams
        The archive.
    aet : str
        How we call ourselves.
    """

    def __init__(self, target: StoreParams | StowParams, aet: str) -> None:
        self.target, self.aet = target, aet

    def __call__(self, job: Job, out: Path) -> None:
        """Send all objects.

        Raises
        ------
        ArchiveError
            If one was not taken.
        """
        del job
        paths = sorted(out.glob("*.dcm"))
        if not paths:
            return
        if isinstance(self.target, StoreParams):
            _store(paths, self.target, self.aet)
        else:
            _stow(paths, self.target)


def _failed(got: str) -> ArchiveError:
    return ArchiveError(
        what="the archive takes results",
        got=got,
        fix="Check its address, and that it knows our application entity.",
    )


def _store(paths: list[Path], target: StoreParams, aet: str) -> None:
    """Send files in one association."""
    from pydicom import dcmread  # noqa: PLC0415 - loads slowly
    from pydicom.uid import ExplicitVRLittleEndian  # noqa: PLC0415 - the same
    from pynetdicom import AE  # noqa: PLC0415 - the same

    files = [dcmread(path) for path in paths]
    ae = AE(ae_title=aet)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = target.seconds
    ae.connection_timeout = target.seconds
    for sop_class in dict.fromkeys(file.SOPClassUID for file in files):
        ae.add_requested_context(sop_class, ExplicitVRLittleEndian)
    secure = None
    if target.tls is not None:
        secure = (client_context(target.tls), target.tls.name or target.host)
    association = ae.associate(target.host, target.port, ae_title=target.aet, tls_args=secure)
    if not association.is_established:
        raise _failed(got="no association")
    try:
        for file in files:
            status = association.send_c_store(file)
            if "Status" not in status or status.Status not in _STORED:
                raise _failed(got=f"status {status.get('Status', 'none')}")
    except (ValueError, RuntimeError) as error:
        raise _failed(type(error).__name__) from None
    finally:
        association.release()


def _stow(paths: list[Path], target: StowParams) -> None:
    """Send files in one request."""
    edge = uuid.uuid4().hex
    head = f"--{edge}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = b"".join(head + path.read_bytes() + b"\r\n" for path in paths)
    kind = f'multipart/related; type="application/dicom"; boundary={edge}'
    with reach(target) as client:
        answer = client.post(
            "studies",
            content=body + f"--{edge}--\r\n".encode(),
            headers={"Content-Type": kind, "Accept": "application/dicom+json"},
        )
        # 202 says that some were not stored; some archives say so with 200.
        if answer.status_code != 200:
            raise _failed(got=f"HTTP {answer.status_code}")
        if answer.content and (json.loads(answer.content).get(_FAILED) or {}).get("Value"):
            raise _failed(got="an object that was not stored")
