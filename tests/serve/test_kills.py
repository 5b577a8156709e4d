"""A node that is killed at any moment loses no study and ends none twice."""

from __future__ import annotations

import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pynetdicom import AE, AllStoragePresentationContexts, evt

from hepacast.serve.audit import check
from tests.serve.nodes import node
from tests.serve.peers import ROOT, dataset, free_port, send, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Of a connection that the killed side has ended, pynetdicom leaves the socket open.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
STUDIES, OBJECTS = 10, 12


@contextmanager
def archive(port: int, got: Counter[str]) -> Iterator[None]:
    """Take results, as a PACS would."""
    ae = AE(ae_title="ARCHIVE")
    ae.supported_contexts = AllStoragePresentationContexts

    def store(event: Any) -> int:
        got[str(event.dataset.SOPInstanceUID)] += 1
        return 0

    address = ("127.0.0.1", port)
    server = ae.start_server(address, block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    assert server is not None
    try:
        yield
    finally:
        server.shutdown()


def outcomes(state: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{state / 'jobs.sqlite'}?mode=ro", uri=True)) as base:
        return [row[0] for row in base.execute("SELECT state FROM jobs")]


def deliver_all(port: int, stop: threading.Event) -> None:
    """Send ten studies one after the other, each again until every object is acknowledged."""
    for study in range(1, STUDIES + 1):
        # The last study lacks two phases, and must be rejected.
        count = 2 if study == STUDIES else OBJECTS
        files = [dataset(study, n) for n in range(1, count + 1)]
        while send(port, files) != [0] * count:
            if stop.wait(0.1):
                return


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_every_study_ends_exactly_once_whenever_the_node_is_killed(
    kills: int, tmp_path: Path
) -> None:
    rng = random.Random(20)  # noqa: S311 - moments, not secrets
    port, far = free_port(), free_port()
    settings = {
        "listen": {"port": port, "callers": ["PACS"]},
        "target": {"kind": "c-store", "host": "127.0.0.1", "port": far, "aet": "ARCHIVE"},
        "quiet_s": 2,
        "patience_s": 120,
    }
    got: Counter[str] = Counter()
    state, stop = tmp_path / "state", threading.Event()
    sender = threading.Thread(target=deliver_all, args=(port, stop))
    with archive(far, got), node(settings, tmp_path) as running:
        sender.start()
        try:
            for _ in range(kills):
                time.sleep(rng.uniform(0, 5 if kills < 5 else 8))
                running.end(signal.SIGKILL)
                running.start()
            sender.join(120)
            assert not sender.is_alive()
            wait_for(lambda: len(outcomes(state)) == STUDIES, 60)
            ended = {"done", "rejected"}
            wait_for(lambda: set(outcomes(state)) <= ended, 60)
            running.end()
        finally:
            stop.set()
            sender.join()
    assert Counter(outcomes(state)) == {"done": STUDIES - 1, "rejected": 1}
    assert set(got) == {f"{ROOT}.77.{study}" for study in range(1, STUDIES)}
    assert list((state / "spool").glob("*/*")) == []
    assert check(state / "audit.jsonl") >= 2 * STUDIES
    for path in (state / "audit.jsonl", tmp_path / "console.txt"):
        assert "CANARY" not in path.read_text()
