"""Damaged images go through a real node: their study ends, and the next one is predicted."""

from __future__ import annotations

import io
import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pydicom
import pytest
from pydicom.uid import generate_uid

from tests.serve.nodes import node
from tests.serve.peers import free_port, send, wait_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*unclosed <socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


def test_images_with_damage_end_as_rejected_or_failed_and_harm_no_other(
    examination: Path, predictor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(5)  # noqa: S311 - damage, not secrets
    files = [pydicom.dcmread(path) for path in sorted(examination.rglob("*.dcm"))]
    port, evil = free_port(), generate_uid(entropy_srcs=["evil"])
    raw = []
    for ds in files:
        stream = io.BytesIO()
        ds.StudyInstanceUID, good = evil, ds.StudyInstanceUID
        pydicom.dcmwrite(stream, ds, enforce_file_format=True)
        ds.StudyInstanceUID = good
        whole = stream.getvalue()
        data = bytearray(whole[whole.find(b"\x08\x00\x05\x00") :])
        for _ in range(rng.randint(0, 20)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        raw.append(bytes(data))
    listen = {"port": port, "callers": ["PACS"]}
    settings = {"listen": listen, "quiet_s": 2, "patience_s": 2}
    state = tmp_path / "state"

    def outcomes() -> list[str]:
        with closing(sqlite3.connect(f"file:{state / 'jobs.sqlite'}?mode=ro", uri=True)) as base:
            found = base.execute("SELECT state FROM jobs WHERE tries > 0 AND state != 'working'")
            return sorted(row[0] for row in found)

    with node(settings, tmp_path, predictor=predictor) as running:
        with monkeypatch.context() as patch:
            pieces = iter(raw)
            patch.setattr("pynetdicom.association.encode", lambda *_words: next(pieces))
            assert 0 in send(port, files)
        wait_for(outcomes, 120)
        assert "done" not in outcomes()
        assert set(send(port, files)) == {0}
        wait_for(lambda: "done" in outcomes(), 120)
        running.end()
    assert outcomes().count("done") == 1
