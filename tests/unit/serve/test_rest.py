"""The web interface for programs: who may do what, within limits, and never a 500."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hepacast.core.errors import StudyError
from hepacast.serve.audit import check
from hepacast.serve.rest import make_app, require_safe_address
from hepacast.serve.service import Service
from hepacast.serve.tokens import MAY, new_token, read_tokens
from hepacast.serve.unpack import Limits
from tests.unit.serve.conftest import TestClient, await_aside, pack

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.serve.jobs import Jobs
    from hepacast.serve.runner import Runner
    from tests.unit.serve.conftest import Pretender

ZIP = {"content-type": "application/zip"}
JOB = "a" * 64
NAME = "ZHANG^SAN"
LOCAL = "http://localhost"


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, dict[str, str]]:
    """Make a token of every role; gives the headers."""
    made = {role: new_token(tmp_path / "tokens", f"the {role}", role) for role in MAY}
    return {role: {"authorization": f"Bearer {token}"} for role, token in made.items()}


@pytest.fixture
def service(jobs: Jobs, pretender: Pretender, runner: Runner, tmp_path: Path) -> Service:
    """Return a service that asks for tokens, if some were made."""
    path = tmp_path / "tokens"
    tokens = read_tokens(path) if path.exists() else ()
    limits = Limits(files=5, sent_bytes=20_000, unpacked_bytes=2**20)
    return Service(jobs, pretender, runner.audit, runner, tokens, limits)


@pytest.fixture
def client(service: Service) -> TestClient:
    """Return a client without a lifespan: jobs are worked on when the test says so."""
    return TestClient(make_app(service), base_url=LOCAL, raise_server_exceptions=False)


def send(client: TestClient, files: dict[str, bytes], **headers: str) -> str:
    answer = client.post("/v1/jobs", content=pack(files), headers={**ZIP, **headers})
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["id"]
    return found


def test_a_case_goes_in_and_its_result_comes_out(client: TestClient, runner: Runner) -> None:
    job = send(client, {"portal.nii": b"x"})
    assert client.get(f"/v1/jobs/{job}").json()["state"] == "waiting"
    assert client.get(f"/v1/jobs/{job}/result").status_code == 404
    runner.step()
    assert client.get(f"/v1/jobs/{job}").json()["state"] == "done"
    assert client.get(f"/v1/jobs/{job}/result").json() == {"probability": 0.25}
    assert client.get(f"/v1/jobs/{job}/files/segmentation").content == b"seg"
    assert client.get(f"/v1/jobs/{job}/files/report").status_code == 404
    assert 'hepacast_jobs{state="done"} 1' in client.get("/v1/metrics").text
    assert client.delete(f"/v1/jobs/{job}").status_code == 204
    assert client.get(f"/v1/jobs/{job}").status_code == 404
    events = runner.audit.path.read_text()
    assert check(runner.audit.path) == 5
    assert [word for word in ("sent", "ended", "fetched", "forgotten") if word not in events] == []


def test_files_of_a_form_are_a_case_too(client: TestClient, runner: Runner) -> None:
    answer = client.post("/v1/jobs", files={"a": ("portal.nii", b"1"), "b": ("mask.nii", b"2")})
    assert answer.status_code == 202
    runner.step()
    assert client.get(f"/v1/jobs/{answer.json()['id']}").json()["state"] == "done"


def test_the_same_case_is_one_job(client: TestClient, runner: Runner, jobs: Jobs) -> None:
    first = send(client, {"portal.nii": b"x"})
    runner.step()
    assert send(client, {"portal.nii": b"x"}) == first
    assert send(client, {"portal.nii": b"y"}) != first
    assert jobs.counts()["waiting"] == 1


def test_a_rejection_says_why(client: TestClient, runner: Runner) -> None:
    job = send(client, {"bad.nii": b"x"})
    runner.step()
    answer = client.get(f"/v1/jobs/{job}").json()
    assert (answer["state"], answer["reason"]) == ("rejected", "a phase is missing. Send it.")


def test_too_many_jobs_are_answered_with_429_and_leave_nothing(
    client: TestClient, jobs: Jobs
) -> None:
    for number in range(3):
        send(client, {"portal.nii": bytes([number])})
    answer = client.post("/v1/jobs", content=pack({"portal.nii": b"last"}), headers=ZIP)
    assert answer.status_code == 429
    assert len(list((jobs.folder / "jobs").iterdir())) == 3
    assert list((jobs.folder / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"x" * 30_000, "application/zip", 413),
        (b"not a zip", "application/zip", 422),
        (b"", "application/zip", 422),
        (pack({}), "application/zip", 422),
        (pack({"../evil": b"x"}), "application/zip", 422),
        (pack({"bomb": bytes(2**24)}), "application/zip", 422),
        (pack({str(n): b"" for n in range(9)}), "application/zip", 422),
        (pack({"cases.csv": b"case,phase,image\n1,portal,/etc/passwd\n"}), "application/zip", 422),
        (b"x", "text/plain", 415),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=b", 400),
        (b"--b--\r\n", "multipart/form-data; boundary=b", 422),
    ],
)
def test_a_bad_upload_is_refused_and_leaves_nothing(
    body: bytes, kind: str, code: int, client: TestClient, jobs: Jobs
) -> None:
    answer = client.post("/v1/jobs", content=body, headers={"content-type": kind})
    assert answer.status_code == code, answer.text
    assert jobs.counts()["waiting"] == 0
    uploads = jobs.folder / "uploads"
    assert not uploads.exists() or list(uploads.iterdir()) == []


ROUTES = [
    ("GET", "/v1/metrics", {"monitor"}),
    ("POST", "/v1/jobs", {"sender"}),
    ("GET", f"/v1/jobs/{JOB}", {"sender", "reader"}),
    ("GET", f"/v1/jobs/{JOB}/result", {"sender", "reader"}),
    ("GET", f"/v1/jobs/{JOB}/files/report", {"sender", "reader"}),
    ("DELETE", f"/v1/jobs/{JOB}", {"sender"}),
]


def test_every_route_is_in_the_table_of_roles(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    described = {(verb.upper(), path) for path, verbs in paths.items() for verb in verbs}
    listed = {
        (verb, path.replace(JOB, "{job}").replace("/files/report", "/files/{kind}"))
        for verb, path, _ in ROUTES
    }
    assert described == listed | {("GET", "/v1/health")}


@pytest.mark.parametrize(("verb", "path", "roles"), ROUTES)
def test_a_route_asks_for_a_token_of_the_right_role(
    verb: str,
    path: str,
    roles: set[str],
    keys: dict[str, dict[str, str]],
    client: TestClient,
) -> None:
    assert client.request(verb, path).status_code == 401
    for wrong in ("Bearer x", "Basic x", "Bearer", "Bearer \udcff".encode("utf-8", "replace")):
        assert client.request(verb, path, headers={"authorization": wrong}).status_code == 401
    for role, headers in keys.items():
        code = client.request(verb, path, headers=headers).status_code
        assert (code == 403) == (role not in roles), (role, code)
        assert code != 401


def test_tokens_are_kept_as_digests_and_others_cannot_read_the_file(
    keys: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "tokens"
    assert all(h["authorization"][7:] not in path.read_text() for h in keys.values())
    assert path.stat().st_mode & 0o077 == 0
    (tmp_path / "bad").write_text("[{}]")
    with pytest.raises(StudyError, match="name, role and sha256"):
        read_tokens(tmp_path / "bad")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.org"])  # noqa: S104 - refused
def test_an_open_address_without_a_token_is_refused(
    host: str, keys: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match="asks for a token"):
        require_safe_address(host, ())
    require_safe_address(host, read_tokens(tmp_path / "tokens"))
    require_safe_address("127.0.0.1", ())


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%00", "A" * 64, "g" * 64, "a" * 65, "'--"]
)
def test_no_job_name_becomes_a_path(name: str, client: TestClient) -> None:
    for tail in ("", "/result", "/files/report", "/files/..%2f..%2fjobs.sqlite"):
        assert client.get(f"/v1/jobs/{name}{tail}").status_code in {404, 422}


def test_no_request_that_the_description_allows_ends_in_a_500(service: Service) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, given, settings  # noqa: PLC0415
    from hypothesis import strategies as st  # noqa: PLC0415

    @schemathesis.serializer("application/zip")  # type: ignore[untyped-decorator, unused-ignore]
    def as_it_is(_context: object, value: bytes) -> bytes:
        return getattr(value, "data", None) or str(value).encode("utf-8", "replace")

    schema = schemathesis.openapi.from_asgi("/openapi.json", make_app(service))
    seen = set()

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        for result in schema.get_all_operations():
            operation = result.ok()
            answer = data.draw(operation.as_strategy()).call(base_url=LOCAL)
            assert answer.status_code < 500, (operation.label, answer.status_code)
            seen.add((operation.label, answer.status_code))

    ask()
    assert len({label for label, _ in seen}) == 7
    assert {("GET /v1/metrics", 200), ("GET /v1/jobs/{job}", 404)} <= seen


@pytest.mark.parametrize(
    "headers", [{"host": "evil.example"}, {"host": "localhost", "origin": "http://evil.example"}]
)
def test_without_tokens_no_page_of_a_stranger_gets_through(
    headers: dict[str, str], client: TestClient
) -> None:
    assert client.get("/v1/metrics", headers=headers).status_code == 403
    answer = client.post("/v1/jobs", files={"a": ("portal.nii", b"1")}, headers=headers)
    assert answer.status_code == 403


def test_a_role_that_oversteps_is_in_the_log(
    keys: dict[str, dict[str, str]], client: TestClient, runner: Runner
) -> None:
    client.delete(f"/v1/jobs/{JOB}", headers=keys["reader"])
    line = json.loads(runner.audit.path.read_text())
    assert (line["event"], line["who"], line["what"]) == ("refused", "the reader", "forget")


def limited(service: Service, **limits: float) -> TestClient:
    """Return a client of a service with other limits."""
    other = replace(service, limits=service.limits.model_copy(update=limits))
    return TestClient(make_app(other), base_url=LOCAL, raise_server_exceptions=False)


@pytest.mark.parametrize("kind", ["zip", "form"])
def test_a_full_disk_is_answered_with_429_and_nothing_stays(
    kind: str, service: Service, jobs: Jobs
) -> None:
    client = limited(service, spare_bytes=2**62)
    if kind == "zip":
        answer = client.post("/v1/jobs", content=pack({"portal.nii": b"x"}), headers=ZIP)
    else:
        answer = client.post("/v1/jobs", files={"a": ("portal.nii", b"1")})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    assert "disk" in answer.json()["detail"]
    assert list((jobs.folder / "uploads").iterdir()) == []


def test_uploads_at_a_time_are_bounded_and_their_places_come_free(service: Service) -> None:
    client = limited(service, at_once=1)
    inner: Service = client.app.state.service  # type: ignore[attr-defined]
    with inner.uploading:
        answer = client.post("/v1/jobs", content=pack({"portal.nii": b"x"}), headers=ZIP)
        assert answer.status_code == 429
    for number in range(3):
        send(client, {"portal.nii": bytes([number])})


def test_a_slow_upload_is_cut_off(service: Service, jobs: Jobs) -> None:
    app = make_app(replace(service, limits=service.limits.model_copy(update={"seconds": 0.05})))
    sent: list[Any] = []

    async def never() -> Any:
        await asyncio.sleep(30)

    async def note(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/zip")]
    scope = {
        "type": "http", "method": "POST", "path": "/v1/jobs", "raw_path": b"/v1/jobs",
        "query_string": b"", "headers": headers, "scheme": "http", "server": ("localhost", 80),
    }  # fmt: skip
    await_aside(app(scope, never, note))
    assert sent[0]["status"] == 408
    assert list((jobs.folder / "uploads").iterdir()) == []


def test_one_case_sent_by_many_at_once_is_one_job(client: TestClient, jobs: Jobs) -> None:
    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(lambda _: send(client, {"portal.nii": b"x"}), range(8)))
    assert len(ids) == 1
    assert jobs.counts()["waiting"] == 1


def test_what_a_killed_process_left_of_uploads_is_removed_at_the_start(
    service: Service, jobs: Jobs
) -> None:
    left = jobs.folder / "uploads" / "old"
    left.mkdir(parents=True)
    with TestClient(make_app(service), base_url=LOCAL) as client:
        assert client.get("/v1/health").json()["predictor"] == "d" * 64
        assert not left.exists()


def test_a_defect_is_answered_without_its_text(
    client: TestClient, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, capfd: Any, caplog: Any
) -> None:
    def broken(_job: str) -> None:
        raise KeyError(NAME)

    monkeypatch.setattr(jobs, "find", broken)
    answer = client.get(f"/v1/jobs/{JOB}")
    assert (answer.status_code, answer.json()) == (500, {"detail": "a defect: KeyError"})
    assert NAME not in caplog.text + "".join(capfd.readouterr())


def test_no_route_takes_the_address_of_another_server(client: TestClient) -> None:
    said = client.get("/openapi.json").json()
    taken = [
        parameter["name"]
        for verbs in said["paths"].values()
        for verb in verbs.values()
        for parameter in verb.get("parameters", ())
    ]
    assert set(taken) == {"job", "kind"}
    bodies = [verb["requestBody"] for verbs in said["paths"].values() for verb in verbs.values()
              if "requestBody" in verb]  # fmt: skip
    assert len(bodies) == 1
    assert set(bodies[0]["content"]) == {"application/zip", "multipart/form-data"}
