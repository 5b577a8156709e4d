"""A node in a process of its own, under all attacks at once: it answers, within its memory."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from tests.serve.nodes import node
from tests.serve.peers import dataset, echo, encoded, free_port, send, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.serve.nodes import Started

# Of a caller who is refused, pynetdicom leaves the socket to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
MORE_KIB, MORE_FILES = 200_000, 30


def announce(port: int) -> int:
    """Announce four gibibytes, and send what is taken of them; returns how much that was."""
    block, sent = bytes(2**20), 0
    caller = socket.create_connection(("127.0.0.1", port), timeout=20)
    with caller, contextlib.suppress(OSError):
        caller.sendall(struct.pack(">BBL", 1, 0, 2**32 - 1))
        while sent < 400 * 2**20:
            caller.sendall(block)
            sent += len(block)
    return sent


def damaged(count: int, seed: int) -> list[bytes]:
    """Return objects with bytes changed, and some cut short."""
    rng = random.Random(seed)  # noqa: S311 - damage, not secrets
    good = encoded(dataset(1, 1, StudyDescription="CANARY " * 7))
    body, found = good[good.find(b"\x08\x00\x16\x00") :], []
    for _ in range(count):
        data = bytearray(body)
        for _ in range(rng.randint(1, 40)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        cut = rng.randrange(1, len(data)) if rng.random() < 0.3 else len(data)
        found.append(bytes(data[:cut]))
    return found


def everything(running: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack in every way."""
    port = running.port
    assert port is not None
    silent = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(50)]
    assert announce(port) < 64 * 2**20
    assert echo(port)
    raw = iter(damaged(500, 3))
    with monkeypatch.context() as patch:
        patch.setattr("pynetdicom.association.encode", lambda *_words: next(raw))
        statuses = send(port, [dataset(1, 1)] * 500)
    assert len(statuses) == 500
    assert set(statuses) == {0, 0xC000}
    assert statuses.count(0xC000) > 100
    assert send(port, [dataset(1, 1, EncapsulatedDocument=bytes(3 * 2**20))]) in ([], [-1])
    assert send(port, [dataset(1, 1)], calling="NOBODY") == []
    for caller in silent:
        caller.close()


def test_a_node_under_attack_answers_within_its_memory_and_tells_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    listen = {"port": port, "callers": ["PACS"], "object_mib": 2, "memory_mib": 8, "idle_s": 20}
    with node({"listen": listen, "quiet_s": 0.5}, tmp_path) as running:
        assert echo(port)
        memory, files = running.about()
        everything(running, monkeypatch)
        assert send(port, [dataset(99, n) for n in (1, 2, 3)]) == [0, 0, 0]
        audit = tmp_path / "state" / "audit.jsonl"
        wait_for(lambda: audit.exists() and '"done"' in audit.read_text(), 60)
        wait_for(lambda: running.about()[1] < files + MORE_FILES, 30)
        assert running.about()[0] < memory + MORE_KIB
        running.end()
    told = [audit.read_text(), running.log.read_text()]
    told += [path.name for path in tmp_path.rglob("*")]
    assert [text for text in told if "CANARY" in text] == []
