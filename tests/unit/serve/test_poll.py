"""Archives that are asked: nothing is left out, and no answer leads astray."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from hepacast.serve.address import ArchiveError, WebParams, reach
from hepacast.serve.audit import Audit
from hepacast.serve.deliver import Deliver, StowParams
from hepacast.serve.jobs import Job, Jobs
from hepacast.serve.poll import Orthanc, OrthancParams, Poll
from hepacast.serve.qido import DicomWeb, DicomWebParams, only_part
from hepacast.serve.spool import Spool
from tests.serve.peers import ROOT, dataset, encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Answer = tuple[int, str, bytes] | None

STUDY_ID = "-".join(["0123abcd"] * 5)
STUDY, SERIES = f"{ROOT}.1", f"{ROOT}.1.1"
EVIL = [
    "file:///etc/passwd", "ftp://pacs", "gopher://pacs", "//pacs", "pacs:8042", "", "http://",
    "http://169.254.169.254", "http://[::ffff:169.254.169.254]/", "http://2852039166/",
    "http://0xa9fea9fe/", "http://[fe80::1]", "http://[fd00:ec2::254]/", "http://0.0.0.0:8042",
    "http://224.0.0.1", "http://user@pacs", "http://pacs/?x=", "http://pacs/#x", "http://a\\@b/",
]  # fmt: skip


class _Archive(BaseHTTPRequestHandler):
    """Answer as a test says, and remember what was asked."""

    answer: Callable[[str, dict[str, str]], Answer]
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append(parts.path)
        status, kind, body = type(self).answer(parts.path, query) or (404, "text/plain", b"")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status == 302:
            self.send_header("Location", body.decode())
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - as the library calls it

    def log_message(self, *_words: object) -> None:
        return


@pytest.fixture
def archive() -> Iterator[tuple[type[_Archive], str]]:
    class Handler(_Archive):
        asked: ClassVar[list[str]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield Handler, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def spool(jobs: Jobs, tmp_path: Path) -> Spool:
    return Spool(jobs, Audit(tmp_path / "audit.jsonl"), "d" * 64, quiet_s=0)


def kept(spool: Spool) -> int:
    return len(list(spool.folder.glob("*/*.dcm")))


def as_json(content: object) -> Answer:
    return 200, "application/json", json.dumps(content).encode()


def orthanc_of(
    files: dict[str, bytes], *, last: int = 7
) -> Callable[[str, dict[str, str]], Answer]:
    """Answer as an Orthanc with one study."""
    names = {f"{n:08x}" + STUDY_ID[8:]: data for n, data in enumerate(files.values())}

    def answer(path: str, query: dict[str, str]) -> Answer:
        if path == "/changes":
            change = {"ChangeType": "StableStudy", "ID": STUDY_ID}
            seen = int(query["since"]) >= last
            return as_json(
                {"Changes": [] if seen else [change, change], "Last": last, "Done": True}
            )
        if path == f"/studies/{STUDY_ID}":
            return as_json({"MainDicomTags": {"StudyInstanceUID": STUDY}})
        if path == f"/studies/{STUDY_ID}/instances":
            return as_json([{"ID": name} for name in names])
        return 200, "application/dicom", names[path.split("/", 3)[2]]

    return answer


def dicomweb_of(files: dict[str, bytes]) -> Callable[[str, dict[str, str]], Answer]:
    """Answer as an archive with one study, of one series of images and one of reports."""

    def answer(path: str, query: dict[str, str]) -> Answer:
        offset = int(query.get("offset", 0))
        found: list[dict[str, tuple[str, object]]]
        if path == "/studies":
            found = [{"0020000D": ("UI", STUDY)}]
        elif path == f"/studies/{STUDY}/series":
            report: dict[str, tuple[str, object]] = {
                "0020000E": ("UI", "1.9"),
                "00080060": ("CS", "SR"),
            }
            images: dict[str, tuple[str, object]] = {
                "0020000E": ("UI", SERIES),
                "00080060": ("CS", "CT"),
                "00201209": ("IS", len(files)),
            }
            found = [images, report]
        elif path == f"/studies/{STUDY}/series/{SERIES}/instances":
            found = [{"00080018": ("UI", name)} for name in files]
        else:
            body = (
                b"--x\r\nContent-Type: application/dicom\r\n\r\n"
                + files[path.rsplit("/", maxsplit=1)[-1]]
            )
            kind = 'multipart/related; type="application/dicom"; boundary=x'
            return 200, kind, body + b"\r\n--x--\r\n"
        page = found[offset : offset + int(query["limit"])]
        return as_json(
            [{tag: {"vr": vr, "Value": [v]} for tag, (vr, v) in one.items()} for one in page]
        )

    return answer


def three() -> dict[str, bytes]:
    return {f"{SERIES}.{n}": encoded(dataset(1, n)) for n in (1, 2, 3)}


def test_orthanc_is_asked_from_where_it_was_left(
    archive: tuple[type[_Archive], str], spool: Spool, tmp_path: Path
) -> None:
    handler, url = archive
    handler.answer = staticmethod(orthanc_of(three()))
    source = Orthanc(OrthancParams(url=url), tmp_path / "cursor", spool)
    assert source.ask()
    assert kept(spool) == 3
    assert (tmp_path / "cursor").read_text() == "7"
    asked = len(handler.asked)
    assert Orthanc(OrthancParams(url=url), tmp_path / "cursor", spool).ask()
    assert handler.asked[asked:] == ["/changes"]


def test_a_study_that_breaks_off_is_held_and_fetched_again(
    archive: tuple[type[_Archive], str], spool: Spool, tmp_path: Path
) -> None:
    handler, url = archive
    whole = orthanc_of(three())

    def broken(path: str, query: dict[str, str]) -> Answer:
        if path.startswith("/instances/00000002"):
            return 500, "text/plain", b""
        return whole(path, query)

    handler.answer = staticmethod(broken)
    source = Orthanc(OrthancParams(url=url), tmp_path / "cursor", spool)
    with pytest.raises(ArchiveError, match="500"):
        source.ask()
    assert kept(spool) == 2
    assert not (tmp_path / "cursor").exists()
    assert spool.sweep() == 0, "half a study must not be predicted"
    handler.answer = staticmethod(whole)
    assert source.ask()
    assert spool.sweep() == 1
    assert len(list(spool.jobs.folder.glob("jobs/*/in/*.dcm"))) == 3


@pytest.mark.parametrize(
    "page",
    [
        {"Changes": [{"ChangeType": "StableStudy", "ID": "../../etc"}], "Last": 9, "Done": True},
        {"Changes": [], "Last": -1, "Done": True},
        {"Changes": [], "Last": 0, "Done": False},
        {"Changes": 3},
        [],
        None,
    ],
)
def test_strange_answers_of_an_orthanc_are_errors_and_no_loop(
    page: object, archive: tuple[type[_Archive], str], spool: Spool, tmp_path: Path
) -> None:
    handler, url = archive
    handler.answer = staticmethod(lambda _path, _query: as_json(page))
    source = Orthanc(OrthancParams(url=url), tmp_path / "cursor", spool)
    with pytest.raises(ArchiveError):
        source.ask()
    assert handler.asked == ["/changes"]
    assert kept(spool) == 0


def test_dicomweb_gives_the_images_of_a_study_that_is_still(
    archive: tuple[type[_Archive], str], spool: Spool, tmp_path: Path
) -> None:
    handler, url = archive
    files = three()
    handler.answer = staticmethod(dicomweb_of(files))
    params = DicomWebParams(kind="dicomweb", url=url, still_s=0)

    def ask(params: DicomWebParams) -> int:
        before = len(handler.asked)
        DicomWeb(params, tmp_path / "memory.json", spool).ask()
        return len(handler.asked) - before

    assert ask(params.model_copy(update={"still_s": 60})) == 2
    assert kept(spool) == 0
    assert ask(params) == 6
    assert kept(spool) == 3
    assert ask(params) == 2, "what was fetched is not fetched again"
    files[f"{SERIES}.4"] = encoded(dataset(1, 4))
    assert ask(params) == 7
    assert kept(spool) == 4
    assert STUDY not in (tmp_path / "memory.json").read_text()
    assert not [path for path in handler.asked if "1.9" in path]


def test_pages_of_an_archive_are_turned_and_one_that_ignores_the_offset_ends(
    archive: tuple[type[_Archive], str], spool: Spool, tmp_path: Path
) -> None:
    handler, url = archive
    files = {f"{SERIES}.{n}": encoded(dataset(1, n)) for n in range(1, 121)}
    honest = dicomweb_of(files)
    params = DicomWebParams(kind="dicomweb", url=url, still_s=0)
    handler.answer = staticmethod(honest)
    DicomWeb(params, tmp_path / "memory.json", spool).ask()
    assert kept(spool) == 120
    handler.answer = staticmethod(
        lambda path, query: (
            honest(path, {**query, "offset": "0"})
            if path.endswith("instances")
            else honest(path, query)
        )
    )
    DicomWeb(params, tmp_path / "other.json", spool).ask()
    assert kept(spool) == 120


@pytest.mark.parametrize("uid", ["../../etc/passwd", "1.2/../..", "", "1.2?x=", "%2e%2e"])
def test_identifiers_of_an_archive_never_become_paths(
    uid: str, archive: tuple[type[_Archive], str], spool: Spool, tmp_path: Path
) -> None:
    handler, url = archive
    handler.answer = staticmethod(lambda _path, _query: as_json([{"0020000D": {"Value": [uid]}}]))
    params = DicomWebParams(kind="dicomweb", url=url, still_s=0)
    with pytest.raises(ArchiveError):
        DicomWeb(params, tmp_path / "memory.json", spool).ask()
    assert handler.asked == ["/studies"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"abc", 'multipart/related; boundary="x"'),
        (b"--x\r\n\r\nabc", 'multipart/related; boundary="x"'),
        (b"--x\r\n\r\nabc\r\n--x--", "multipart/related"),
        (b"<html>", "text/html"),
        (b"", ""),
    ],
)
def test_an_answer_that_holds_no_object_is_an_error(body: bytes, kind: str) -> None:
    with pytest.raises(ArchiveError):
        only_part(body, kind)


@pytest.mark.parametrize("url", EVIL)
def test_an_address_that_is_no_archive_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        WebParams(url=url)
    with pytest.raises(ValidationError):
        OrthancParams(url=url)
    with pytest.raises(ValidationError):
        StowParams(kind="stow", url=url)


def test_a_name_that_leads_to_a_forbidden_address_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    params = WebParams(url="http://pacs.example.org")
    monkeypatch.setattr(
        "hepacast.serve.address.socket.getaddrinfo",
        lambda *_a, **_k: [(2, 1, 6, "", ("169.254.169.254", 80))],
    )
    with pytest.raises(ArchiveError, match="forbidden"), reach(params):
        pass


def test_a_redirection_is_not_followed(
    archive: tuple[type[_Archive], str], spool: Spool, tmp_path: Path
) -> None:
    handler, url = archive
    target = f"{url}/secret".encode()
    handler.answer = staticmethod(lambda _path, _query: (302, "text/plain", target))
    with pytest.raises(ArchiveError, match="302"):
        Orthanc(OrthancParams(url=url), tmp_path / "cursor", spool).ask()
    with pytest.raises(ArchiveError, match="302"):
        DicomWeb(DicomWebParams(kind="dicomweb", url=url), tmp_path / "m", spool).ask()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.dcm").write_bytes(b"x")
    job = Job("a", "test", "working", "", 1, 0.0, None)
    with pytest.raises(ArchiveError, match="302"):
        Deliver(StowParams(kind="stow", url=url), "HEPACAST")(job, tmp_path / "out")
    assert "/secret" not in handler.asked


def test_an_answer_without_end_is_cut_off(
    archive: tuple[type[_Archive], str], spool: Spool, tmp_path: Path
) -> None:
    handler, url = archive
    handler.answer = staticmethod(
        lambda _path, _query: (200, "application/json", b" " * (2**26 + 1))
    )
    with pytest.raises(ArchiveError, match="more than"):
        Orthanc(OrthancParams(url=url), tmp_path / "cursor", spool).ask()


def test_an_archive_that_goes_away_is_logged_once_and_when_it_is_back(tmp_path: Path) -> None:
    class Source:
        away = True

        def ask(self) -> bool:
            if self.away:
                raise ArchiveError(what="it answers", got="ConnectError", fix="-")
            return True

    source, audit = Source(), Audit(tmp_path / "audit.jsonl")
    poll = Poll(source, 1, audit)
    for away in (True, True, False, False, True):
        source.away = away
        poll.turn()
    lines = [json.loads(line)["reason"] for line in audit.path.read_text().splitlines()]
    assert lines == ["it answers; ConnectError", "back", "it answers; ConnectError"]


@pytest.mark.parametrize(
    ("status", "body", "asked"),
    [
        (200, b"{}", "taken"),
        (200, b"", "taken"),
        (202, b"{}", "refused"),
        (409, b"", "refused"),
        (200, json.dumps({"00081198": {"Value": [{}]}}).encode(), "refused"),
    ],
)
def test_results_count_as_sent_only_when_all_are_stored(
    status: int, body: bytes, asked: str, archive: tuple[type[_Archive], str], tmp_path: Path
) -> None:
    handler, url = archive
    handler.answer = staticmethod(lambda _path, _query: (status, "application/dicom+json", body))
    (tmp_path / "a.dcm").write_bytes(b"x")
    deliver = Deliver(StowParams(kind="stow", url=url), "HEPACAST")
    job = Job("a", "test", "working", "", 1, 0.0, None)
    if asked == "taken":
        deliver(job, tmp_path)
    else:
        with pytest.raises(ArchiveError):
            deliver(job, tmp_path)
    assert handler.asked == ["/studies"]
