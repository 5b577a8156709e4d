"""A node: its file of settings, its folder, and studies on their way through it."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hepacast.cli.main import main
from hepacast.core.errors import StudyError
from hepacast.serve.audit import check
from hepacast.serve.deliver import StoreParams
from hepacast.serve.jobs import Jobs
from hepacast.serve.listen import ListenParams
from hepacast.serve.node import (
    Node,
    NodeError,
    NodeParams,
    alone,
    read_settings,
    remove_old,
    send_again,
)
from hepacast.serve.poll import OrthancParams
from hepacast.serve.qido import DicomWebParams
from hepacast.serve.tls import ClientTlsParams, ServerTlsParams
from tests.serve.peers import dataset, free_port, is_open, send, wait_for

if TYPE_CHECKING:
    from tests.unit.serve.conftest import Pretender

DOCS = Path(__file__).resolve().parents[3] / "docs" / "serve"
GOOD = """
listen: {port: 11113, callers: [PACS]}
source: {kind: dicomweb, url: http://127.0.0.1:8042/dicom-web, match: {StudyDescription: "*LIVER*"}}
target: {kind: stow, url: http://127.0.0.1:8042/dicom-web, user: u, password: p}
quiet_s: 20
"""


def test_a_file_of_settings_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "node.yaml").write_text(GOOD)
    params = read_settings(tmp_path / "node.yaml")
    assert params.listen is not None
    assert params.listen.callers == ("PACS",)
    assert params.source is not None
    assert params.source.kind == "dicomweb"
    assert params.target is not None
    assert params.target.kind == "stow"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("listen: {callers: [PACS], prot: 1}", "listen.prot"),
        ("listen: {callers: []}", "listen.callers"),
        ("listen: {callers: [A-TITLE-OF-SEVENTEEN]}", "listen.callers"),
        ("listen: {callers: [PACS], host: 0.0.0.0}", "hosts"),
        ("listen: {callers: [PACS]}\nquiet_s: soon", "quiet_s"),
        ("target: {kind: ftp, url: ftp://x}", "target"),
        ("source: {kind: orthanc, url: 'file:///etc/passwd'}", "http"),
        ("source: {kind: dicomweb, url: 'http://169.254.169.254/'}", "link-local"),
        ("quiet_s: 3", "neither listen nor source"),
        ("- a", "node.yaml"),
        ("a: {", "node.yaml"),
        ("\xff", "node.yaml"),
    ],
)
def test_a_wrong_setting_is_named(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "node.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(StudyError, match=said):
        read_settings(tmp_path / "node.yaml")


def test_the_page_of_settings_names_every_one_and_its_default() -> None:
    page = (DOCS / "node.md").read_text()
    table = [line for line in page.splitlines() if line.startswith("|")]
    for params in (
        NodeParams,
        ListenParams,
        OrthancParams,
        DicomWebParams,
        StoreParams,
        ServerTlsParams,
        ClientTlsParams,
    ):
        for name, field in params.model_fields.items():
            rows = [row for row in table if f"`{name}`" in row or f"`{name}:`" in row]
            assert rows, name
            if type(field.default) in {int, float}:
                assert any(f"{field.default:g}" in row for row in rows), name


def test_the_settings_of_the_installation_page_are_read(tmp_path: Path) -> None:
    page = (DOCS / "install.md").read_text()
    (tmp_path / "node.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    params = read_settings(tmp_path / "node.yaml")
    assert params.listen is not None
    assert params.listen.callers == ("ORTHANC",)
    assert params.target is not None


def test_the_command_names_a_wrong_setting_and_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "node.yaml").write_text("listen: {callers: []}")
    words = ["serve-node", str(tmp_path), str(tmp_path / "node.yaml")]
    assert main([*words, "--state", str(tmp_path / "state")]) == 2
    assert "listen.callers" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_a_folder_of_state_is_closed_to_others(tmp_path: Path) -> None:
    for place in (tmp_path / "old", tmp_path / "new"):
        if place.name == "old":
            place.mkdir(mode=0o755)
        with alone(place):
            assert place.stat().st_mode & 0o777 == 0o700


def test_two_nodes_never_share_a_folder(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(NodeError), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass


def test_old_results_go_and_the_jobs_stay_known(jobs: Jobs, tmp_path: Path) -> None:
    for name, age in (("a" * 64, 100.0), ("b" * 64, 0.0)):
        out = jobs.place(name) / "out"
        out.mkdir(parents=True)
        os.utime(out, (0, time.time() - age))
        jobs.add(name, "test")
    assert remove_old(jobs.folder, 50) == 1
    assert not (jobs.place("a" * 64) / "out").exists()
    assert (jobs.place("b" * 64) / "out").is_dir()
    assert jobs.find("a" * 64) is not None


def test_results_that_no_archive_took_are_sent_again_and_only_they(jobs: Jobs) -> None:
    for name in ("a" * 64, "b" * 64, "c" * 64):
        jobs.add(name, "test")
    (jobs.place("a" * 64) / "out").mkdir(parents=True)
    (jobs.place("c" * 64) / "out").mkdir(parents=True)
    with jobs.write() as base:
        base.execute("UPDATE jobs SET state = 'failed', tries = 8 WHERE id < 'c'")
        base.execute("UPDATE jobs SET state = 'done' WHERE id > 'c'")
    assert send_again(jobs) == 1
    assert jobs.counts() == {"waiting": 1, "working": 0, "done": 1, "rejected": 0, "failed": 1}
    found = jobs.take()
    assert found is not None
    assert found.id == "a" * 64


def test_a_node_that_cannot_work_ends_and_does_not_only_receive(
    tmp_path: Path, pretender: Pretender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hepacast.serve.runner.Runner._run", lambda _runner: None)
    port = free_port()
    params = NodeParams.model_validate({"listen": {"port": port, "callers": ["PACS"]}})
    with pytest.raises(NodeError, match="thread"):
        Node(params, tmp_path / "state", pretender).run(threading.Event())
    assert not is_open(port)


def test_a_study_goes_through_and_stopping_keeps_everything(
    tmp_path: Path, pretender: Pretender
) -> None:
    port = free_port()
    listen = {"port": port, "callers": ["PACS"]}
    params = NodeParams.model_validate({"listen": listen, "quiet_s": 0.5})

    def serve(stop: threading.Event) -> threading.Thread:
        node = Node(params, tmp_path / "state", pretender)
        thread = threading.Thread(target=node.run, args=(stop,))
        thread.start()
        return thread

    stop = threading.Event()
    thread = serve(stop)
    state = tmp_path / "state"
    wait_for(lambda: is_open(port))
    assert send(port, [dataset(1, 1), dataset(1, 2)]) == [0, 0]
    wait_for(lambda: Jobs(state).counts()["done"] == 1)
    assert send(port, [dataset(2, 1)]) == [0]
    stop.set()
    thread.join()
    stop = threading.Event()
    thread = serve(stop)
    wait_for(lambda: Jobs(state).counts()["done"] == 2)
    stop.set()
    thread.join()
    assert len(pretender.seen) == 2
    events = [json.loads(line) for line in (state / "audit.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["received", "ended", "received", "ended"]
    assert check(state / "audit.jsonl") == 4
    assert not any("CANARY" in p.name for p in tmp_path.rglob("*"))
