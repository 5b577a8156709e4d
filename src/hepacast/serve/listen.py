# SPDX-License-Identifier: Apache-2.0
"""Receiving by C-STORE: success is said only when an object is on the disk."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field as Setting
from pydantic import IPvAnyNetwork, PositiveFloat, PositiveInt, model_validator

from hepacast.core.errors import HepacastError
from hepacast.core.params import Params
from hepacast.serve.spool import COMPRESSED, SpoolFullError
from hepacast.serve.tls import ServerTlsParams, server_context

if TYPE_CHECKING:
    from hepacast.serve.spool import Spool

_STORED, _NO_ROOM, _NOT_UNDERSTOOD = 0x0000, 0xA700, 0xC000
_INTRODUCE_S = 10.0
_MANY = 10_000
_PLAIN = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]
_LOCAL = ("127.0.0.0/8", "::1/128")

Title = Annotated[str, Setting(min_length=1, max_length=16, pattern=r"^[!-\[\]-~]+$")]


class ListenParams(Params):
    """Where studies are received by C-STORE."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Setting(ge=1, le=65535)] = 11112
    """Port."""
    aet: Title = "HEPACAST"
    """Our application entity title; callers must use it."""
    callers: tuple[Title, ...] = Setting(min_length=1)
    """Application entities that may send."""
    hosts: tuple[IPvAnyNetwork, ...] = Setting(default=_LOCAL, validate_default=True)
    """Networks that callers are in; name them if ``host`` is not this machine alone."""
    associations: PositiveInt = 10
    """Most associations at a time."""
    idle_s: PositiveFloat = 60.0
    """A caller who takes longer for one message is hung up on."""
    object_mib: PositiveInt = 256
    """Largest object."""
    memory_mib: PositiveInt = 1024
    """Most bytes of unfinished objects in memory, over all associations."""
    tls: ServerTlsParams | None = None
    """Encryption; without it everything is in the clear."""

    @model_validator(mode="after")
    def _says_from_where(self) -> ListenParams:
        local = ("127.", "::1", "localhost")
        if not self.host.startswith(local) and "hosts" not in self.model_fields_set:
            msg = "hosts names the networks of the callers where host is open to others"
            raise ValueError(msg)
        return self


def listen(params: ListenParams, spool: Spool) -> Any:  # noqa: ANN401 - pynetdicom is untyped
    """Start to receive.

    Returns
    -------
    GuardedServer
        Call ``shutdown()`` to end it.

    Raises
    ------
    OSError
        If the port is taken.
    StudyError
        If a certificate or key cannot be read.
    """
    from pynetdicom import AE, AllStoragePresentationContexts, evt  # noqa: PLC0415 - loads slowly
    from pynetdicom.sop_class import Verification  # type: ignore[attr-defined] # noqa: PLC0415

    from hepacast.serve.gate import PDU, Gate, GuardedServer  # noqa: PLC0415 - the same

    ae = AE(ae_title=params.aet)
    ae.maximum_pdu_size = PDU
    ae.require_called_aet, ae.require_calling_aet = True, list(params.callers)
    # The gate counts: here, threads of connections that are gone would keep others out.
    ae.maximum_associations = _MANY
    ae.acse_timeout, ae.network_timeout, ae.dimse_timeout = (
        _INTRODUCE_S,
        params.idle_s,
        params.idle_s,
    )
    for context in AllStoragePresentationContexts:
        ae.add_supported_context(str(context.abstract_syntax), [*_PLAIN, *COMPRESSED])
    ae.add_supported_context(Verification, _PLAIN)

    open_studies: dict[Any, set[str]] = defaultdict(set)

    def store(event: Any) -> int:  # noqa: ANN401 - untyped
        status, study = receive(event.encoded_dataset(), spool)
        event.assoc.dul.socket.held = 0
        if study is not None:
            open_studies[event.assoc].add(study)
        return status

    def released(event: Any) -> None:  # noqa: ANN401 - untyped
        spool.release(open_studies.pop(event.assoc, ()))

    def closed(event: Any) -> None:  # noqa: ANN401 - untyped
        open_studies.pop(event.assoc, None)

    handlers: list[Any] = [
        (evt.EVT_C_STORE, store),
        (evt.EVT_RELEASED, released),
        (evt.EVT_CONN_CLOSE, closed),
    ]
    gate = Gate(
        params.hosts,
        associations=params.associations,
        object_bytes=params.object_mib * 2**20,
        all_bytes=params.memory_mib * 2**20,
        idle_s=params.idle_s,
    )
    server = ae.make_server(
        (params.host, params.port),
        evt_handlers=handlers,
        ssl_context=None if params.tls is None else server_context(params.tls),
        server_class=GuardedServer,
        gate=gate,
    )
    ae._servers.append(server)  # its shutdown() removes it from there
    threading.Thread(target=server.serve_forever, name="listen", daemon=True).start()
    return server


def receive(data: bytes, spool: Spool) -> tuple[int, str | None]:
    """Keep one object; return the status of C-STORE (PS3.4 B.2.3), and the study's digest."""
    try:
        return _STORED, spool.put(data, sending=True)
    except SpoolFullError:
        return _NO_ROOM, None
    except HepacastError:
        return _NOT_UNDERSTOOD, None
    except OSError:
        return _NO_ROOM, None
