"""``hepacast api``: tokens are made, open addresses refused, and a real server answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from hepacast.cli.main import main
from hepacast.core.provenance import digest_bytes
from hepacast.serve.audit import check
from tests.unit.serve.conftest import pack
from tests.unit.serve.small import deploy_small

if TYPE_CHECKING:
    from pathlib import Path


def test_a_token_is_shown_once_and_kept_as_a_digest(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "tokens.json"
    for name, role in (("ward", "sender"), ("desk", "reader")):
        words = ["api", "--tokens", str(place), "--new-token", name, "--role", role]
        assert main(words) == 0
    first, second = capfd.readouterr().out.split()
    kept = json.loads(place.read_text())
    assert [one["sha256"] for one in kept] == [digest_bytes(t.encode()) for t in (first, second)]
    assert [one["role"] for one in kept] == ["sender", "reader"]
    assert main(["api", "--new-token", "ward"]) == 2


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - refused
def test_an_open_address_without_tokens_is_refused_before_anything_starts(
    host: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["api", str(tmp_path), "--state", str(tmp_path / "state"), "--host", host]
    assert main(words) == 2
    assert "asks for a token" in capfd.readouterr().err
    (tmp_path / "none.json").write_text("[]")
    assert main([*words, "--tokens", str(tmp_path / "none.json")]) == 2
    assert not (tmp_path / "state").exists()


@pytest.mark.slow
def test_a_real_server_scores_a_case_and_ends_when_told(tmp_path: Path) -> None:
    predictor = deploy_small(tmp_path / "study")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = "from hepacast.cli.main import main; main()"
    words = ["api", predictor, "--state", tmp_path / "state", "--port", port]
    command = [sys.executable, "-c", start, *map(str, words)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            _wait(client)
            case = tmp_path / "study" / "3"
            body = pack({path.name: path.read_bytes() for path in case.iterdir()})
            kind = {"content-type": "application/zip"}
            job = client.post("/v1/jobs", content=body, headers=kind).json()["id"]
            answer = {"state": "waiting"}
            while answer["state"] in {"waiting", "working"}:
                time.sleep(0.3)
                answer = client.get(f"/v1/jobs/{job}").json()
            assert answer["state"] == "done"
            assert client.get(f"/v1/jobs/{job}/result").json()["research_only"] is True
            assert client.get("/v1/nothing").status_code == 404
    finally:
        os.kill(server.pid, signal.SIGTERM)
        _, said = server.communicate(timeout=60)
    assert server.returncode in {0, -signal.SIGTERM}, said
    assert "Traceback" not in said
    assert check(tmp_path / "state" / "audit.jsonl") == 3


def _wait(client: httpx.Client) -> None:
    for _ in range(400):
        try:
            assert client.get("/v1/health").status_code == 200
        except httpx.ConnectError:
            time.sleep(0.3)
        else:
            return
    pytest.fail("the server did not start")
