"""Names of patients go into results, and into nothing else that the service writes or says."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from hepacast.run.predictor.files import read_predictor
from hepacast.serve.audit import Audit
from hepacast.serve.jobs import Jobs
from hepacast.serve.objects import predict_folder
from hepacast.serve.rest import make_app
from hepacast.serve.runner import Runner
from hepacast.serve.service import Service
from hepacast.serve.worker import Worker
from tests.unit.serve.conftest import CANARIES, TestClient, leaks, pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def desk(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[TestClient, Service]]:
    """Run a service with a real child, whose temporary files lie where we look."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    worker = Worker(small / "out" / "predictor", memory_bytes=3 * 2**30, seconds=200)
    jobs, audit = Jobs(tmp_path / "state"), Audit(tmp_path / "state" / "audit.jsonl")
    service = Service(jobs, worker, audit, Runner(jobs, worker, audit))
    client = TestClient(
        make_app(service), base_url="http://localhost", raise_server_exceptions=False
    )
    yield client, service
    worker.close()


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_nothing_but_the_result_knows_whom_it_is_about(
    desk: tuple[TestClient, Service],
    small: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: Any,
) -> None:
    client, service = desk
    case = files_of(small / "3")
    uploads = [
        case,
        {**case, "clinical.csv": b"case,afp\nZHANG^SanCanary,19570304x\n"},
        {**case, "portal.nii.gz": b"ZHANG^SanCanary" * 99},
        {name: data for name, data in case.items() if name != "portal_tumour.nii.gz"},
        {f"ZHANG_SanCanary_{name}": data for name, data in case.items()},
        {"../ZHANG": b"", **case},
    ]
    kind = {"content-type": "application/zip"}
    said = [client.post("/v1/jobs", content=pack(files), headers=kind) for files in uploads]
    while service.runner.step():
        pass
    jobs = [answer.json()["id"] for answer in said if answer.status_code == 202]
    assert len(jobs) == 5
    said += [client.get(f"/v1/jobs/{job}") for job in jobs]
    said += [client.get(f"/v1/jobs/{job}/result") for job in jobs]
    said += [client.get("/v1/metrics"), client.get("/v1/jobs/ZHANG")]
    states = [answer.json().get("state") for answer in said[6:11]]
    assert states == ["done", "rejected", "rejected", "rejected", "rejected"]
    words = "".join(answer.text for answer in said[:-1]) + caplog.text + "".join(capfd.readouterr())
    assert [word for word in CANARIES if word in words] == []
    assert leaks(tmp_path / "state") == []
    assert os.listdir(tmp_path / "tmp") == []  # noqa: PTH208


def test_a_prediction_asks_no_other_computer(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_words: object) -> None:
        pytest.fail("a connection")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    result, _ = predict_folder(read_predictor(small / "out" / "predictor"), small / "3", tmp_path)
    assert 0 < result.probability < 1
