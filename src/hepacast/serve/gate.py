# SPDX-License-Identifier: Apache-2.0
"""The door of the DICOM port: who may knock, how much may be announced, how long one may idle.

Of itself, pynetdicom buffers whatever length a stranger announces and gives every silent
connection a place; here a connection has a deadline for every message and a limit of
bytes, and the oldest one that has not introduced itself makes room for a new one.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

from pynetdicom import evt
from pynetdicom.transport import (
    AssociationSocket,
    RequestHandler,
    ThreadedAssociationServer,
)

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

PDU = 2**17
"""Longest message that we ask for, bytes."""
_SLACK = 2
"""Some senders count differently; an introduction of all contexts is longer than its data."""
_END_S = 5.0
_HANDSHAKE_S = 10.0
WAITING = 16
"""Most connections that have not introduced themselves."""


class Gate:
    """What all connections share.

    Parameters
    ----------
    hosts : tuple of network
        Where callers may be.
    associations : int
        Most callers that have introduced themselves, about.
    object_bytes, all_bytes : int
        Largest object, and most bytes in memory over all connections.
    idle_s : float
        Longest time for one message.
    """

    def __init__(
        self,
        hosts: tuple[IPv4Network | IPv6Network, ...],
        *,
        associations: int,
        object_bytes: int,
        all_bytes: int,
        idle_s: float,
    ) -> None:
        self.hosts, self.associations, self.idle_s = hosts, associations, idle_s
        self.object_bytes, self.all_bytes = object_bytes, all_bytes
        self._callers: dict[socket.socket, GuardedSocket | None] = {}
        self._lock = threading.Lock()

    def lets_in(self, caller: socket.socket, address: str) -> bool:
        """Say whether a caller may come in: from where it is, and as there is a place.

        Called in the order in which callers knock: of those that say nothing, the first
        has to go for the last.
        """
        from ipaddress import IPv6Address, ip_address  # noqa: PLC0415 - beside its use

        found = ip_address(address.partition("%")[0])
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        if not any(found in network for network in self.hosts):
            return False
        with self._lock:
            self._callers = {one: at for one, at in self._callers.items() if one.fileno() >= 0}
            silent = [
                one
                for one, at in self._callers.items()
                if at is None or not at.assoc.is_established
            ]
            if len(self._callers) - len(silent) >= self.associations:
                return False
            self._callers[caller] = None
        for one in silent[: len(silent) + 1 - WAITING]:
            hang_up(one)
        return True

    def enter(self, caller: socket.socket, connection: GuardedSocket) -> None:
        """Know what a caller talks to."""
        with self._lock:
            self._callers[caller] = connection

    def allows(self, connection: GuardedSocket, count: int) -> bool:
        """Say whether so many bytes more fit."""
        with self._lock:
            held = sum(
                at.held for one, at in self._callers.items() if at is not None and one.fileno() >= 0
            )
        return (
            count <= _SLACK * PDU
            and connection.held + count <= self.object_bytes
            and held + count <= self.all_bytes
        )


def hang_up(caller: socket.socket) -> None:
    """End a connection; the thread that serves it notices, and clears up."""
    try:
        # Of an encrypted one, its own method would drop the cipher under that thread's hands.
        socket.socket.shutdown(caller, socket.SHUT_RDWR)
    except OSError:
        return


class GuardedSocket(AssociationSocket):
    """A connection with a deadline for every message, and a limit of bytes.

    Parameters
    ----------
    assoc : pynetdicom.association.Association
        Whose connection it is.
    connection : socket.socket
        As accepted.
    gate : Gate
        The limits.
    """

    def __init__(self, assoc: Any, connection: socket.socket, gate: Gate) -> None:  # noqa: ANN401
        super().__init__(assoc, client_socket=connection)
        self.gate = gate
        self.held = 0
        """Bytes since the last object was kept."""

    def _shutdown_socket(self) -> None:
        """Close the connection, also where the caller has closed it before."""
        if self.socket is not None:
            hang_up(self.socket)
            self.socket.close()

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes, or fewer where the caller hangs up.

        Raises
        ------
        OSError
            If that is too many, or takes too long.
        """
        connection = self.socket
        if connection is None:
            raise ConnectionAbortedError
        if not self.gate.allows(self, nr_bytes):
            hang_up(connection)
            raise ConnectionAbortedError
        data = bytearray(nr_bytes)
        view, read = memoryview(data), 0
        until = time.monotonic() + self.gate.idle_s
        try:
            while read < nr_bytes:
                connection.settimeout(max(until - time.monotonic(), 0.001))
                count = connection.recv_into(view[read:])
                if not count:
                    break
                read += count
        except TimeoutError:
            hang_up(connection)
            raise
        finally:
            view.release()
        connection.settimeout(self.gate.idle_s)
        self.held += read
        return data if read == nr_bytes else data[:read]


class _Handler(RequestHandler):
    """Give a connection its guarded socket, and close it when all is said."""

    def handle(self) -> None:
        """Serve one caller; this thread is his alone."""
        if isinstance(self.request, ssl.SSLSocket) and not self._has_shaken_hands():
            return
        assoc = self._create_association()
        evt.trigger(assoc, evt.EVT_CONN_OPEN, {"address": self.client_address})
        assoc.start()
        assoc.join()
        assoc.dul.join(_END_S)
        self.request.close()

    def _has_shaken_hands(self) -> bool:
        """Agree on a cipher; nobody else closes the connection of one who does not."""
        try:
            self.request.settimeout(_HANDSHAKE_S)
            self.request.do_handshake()
        except OSError:
            hang_up(self.request)
            self.request.close()
            return False
        return True

    def _create_association(self) -> Any:  # noqa: ANN401 - pynetdicom is untyped
        assoc = super()._create_association()
        # Both sockets announce the connection, and it must be announced once.
        assoc.dul.event_queue.get_nowait()
        gate: Gate = self.server.gate  # type: ignore[attr-defined]
        connection = GuardedSocket(assoc, self.request, gate)
        assoc.dul.socket = connection
        gate.enter(self.request, connection)
        return assoc


class GuardedServer(ThreadedAssociationServer):
    """A server of associations behind a gate."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *arguments: Any, gate: Gate, **options: Any) -> None:  # noqa: ANN401
        self.gate = gate
        options["request_handler"] = _Handler
        super().__init__(*arguments, **options)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a caller; a handshake of TLS waits until he has a thread of his own.

        Of itself, pynetdicom shakes hands here, so that one who says nothing keeps all out.
        """
        assert self.socket is not None  # noqa: S101 - it listens
        caller, address = self.socket.accept()
        if self.ssl_context is not None:
            caller = self.ssl_context.wrap_socket(
                caller, server_side=True, do_handshake_on_connect=False
            )
        return caller, address

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ANN401
        """Refuse callers from elsewhere."""
        return self.gate.lets_in(request, client_address[0])

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Say nothing: a connection that breaks while it is made is no event."""
