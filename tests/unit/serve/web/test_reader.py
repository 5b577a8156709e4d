"""Readers: answers that no kill loses and nobody changes, and pages that give no hint."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, cast

import pytest
from starlette.testclient import TestClient

from hepacast.report.content import (
    CaseScore,
    Evaluation,
    Model,
    OutcomeReport,
    ReportContent,
    Study,
)
from hepacast.report.write import RESULT
from hepacast.serve.web.app import make_app
from hepacast.serve.web.reader import FOLDER, STAGES, Reader, ReaderError, ReaderStore
from hepacast.serve.web.reader_questions import reader_questions
from hepacast.serve.web.scans import Scans

if TYPE_CHECKING:
    from pathlib import Path

CASES = tuple(f"SECRET-{at}" for at in range(6))
EVIL = "<script>window.pwned=1</script> 张伟"


class Clock:
    """A clock that goes on by 1.5 s whenever somebody looks at it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 1.5
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> ReaderStore:
    return ReaderStore(tmp_path, clock=Clock())


def _answer(store: ReaderStore, reader: Reader, times: int) -> None:
    """Answer the next cases, as the pages do."""
    for _ in range(times):
        place = store.read(reader.key).next()
        assert place is not None
        store.open(reader.key)
        store.answer(reader.key, stage=place[0], at=place[1], percent=40 + place[1], call=True)


def test_a_reader_goes_on_where_the_name_stopped_whatever_the_cases_are_by_then(
    store: ReaderStore,
) -> None:
    first = store.start("Li Na", "er", "rad", cases=CASES, most=4)
    _answer(store, first, 3)
    again = ReaderStore(store.folder).start(" li  NA ", "er", "rad", cases=CASES[:1])
    assert again.key == first.key
    assert again.cases == first.cases
    assert again.next() == ("alone", 3)
    assert [one.percent for one in again.answers] == [40, 41, 42]


def test_all_cases_are_read_alone_before_the_first_with_the_model_in_another_order(
    store: ReaderStore,
) -> None:
    reader = store.start("a", "er", "rad", cases=CASES)
    stages = []
    for _ in range(2 * len(CASES)):
        place = store.read(reader.key).next()
        assert place is not None
        stages.append(place[0])
        _answer(store, reader, 1)
    assert stages == ["alone"] * 6 + ["with model"] * 6
    assert store.read(reader.key).next() is None
    assert sorted(reader.order("with model")) == sorted(reader.order("alone")) == sorted(CASES)
    assert reader.order("with model") != reader.order("alone")


def test_readers_get_the_same_cases_in_orders_of_their_own(store: ReaderStore) -> None:
    readers = [store.start(name, "er", "rad", cases=CASES, most=5) for name in "abcd"]
    assert len({frozenset(one.cases) for one in readers}) == 1
    assert len({one.cases for one in readers}) > 1


def test_seconds_count_from_the_last_opening(store: ReaderStore) -> None:
    reader = store.start("a", "er", "rad", cases=CASES)
    store.open(reader.key)
    store.open(reader.key)
    store.answer(reader.key, stage="alone", at=0, percent=5, call=False)
    (only,) = store.read(reader.key).answers
    assert only.seconds == 1.5


@pytest.mark.parametrize("at", [0, 2])
def test_a_second_answer_or_one_out_of_order_is_refused_and_changes_nothing(
    at: int, store: ReaderStore
) -> None:
    reader = store.start("a", "er", "rad", cases=CASES)
    _answer(store, reader, 1)
    store.open(reader.key)
    path = store.folder / FOLDER / f"{reader.key}.jsonl"
    before = path.read_bytes()
    with pytest.raises(ReaderError, match="never changed" if at == 0 else "in their order"):
        store.answer(reader.key, stage="alone", at=at, percent=99, call=False)
    assert path.read_bytes() == before


@pytest.mark.parametrize("percent", [-1, 100.5, float("nan")])
def test_a_probability_outside_its_range_is_refused(percent: float, store: ReaderStore) -> None:
    reader = store.start("a", "er", "rad", cases=CASES)
    store.open(reader.key)
    with pytest.raises(ReaderError, match="0 to 100"):
        store.answer(reader.key, stage="alone", at=0, percent=percent, call=True)


def test_a_line_put_behind_an_answer_does_not_replace_it(store: ReaderStore) -> None:
    reader = store.start("a", "er", "rad", cases=CASES)
    _answer(store, reader, 1)
    path = store.folder / FOLDER / f"{reader.key}.jsonl"
    line = json.loads(path.read_text().splitlines()[-1])
    with path.open("a") as file:
        file.write(json.dumps({**line, "percent": 99}) + "\n")
    assert [one.percent for one in store.read(reader.key).answers] == [40]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_write_that_was_cut_off_is_kept_as_it_is_and_the_reader_goes_on(
    cut: int, store: ReaderStore
) -> None:
    reader = store.start("a", "er", "rad", cases=CASES)
    _answer(store, reader, 2)
    path = store.folder / FOLDER / f"{reader.key}.jsonl"
    torn = path.read_bytes()[: -1 - cut]
    path.write_bytes(torn)
    found = store.read(reader.key)
    assert (len(found.answers), found.damaged) == (1, 1)
    _answer(store, reader, 2)
    assert path.read_bytes().startswith(torn + b"\n")
    assert [one.case for one in store.read(reader.key).answers] == list(reader.cases[:3])


def test_what_was_taken_before_a_kill_is_there_after_it(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from hepacast.serve.web.reader import ReaderStore
store = ReaderStore(Path({str(tmp_path)!r}))
reader = store.start("a", "er", "rad", cases=[str(at) for at in range(5000)])
for at in range(5000):
    store.open(reader.key)
    store.answer(reader.key, stage="alone", at=at, percent=at % 100, call=at % 2 == 0)
    print(at, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        taken = 20 + len(process.stdout.readlines())
    (reader,) = ReaderStore(tmp_path).readers()
    assert taken <= len(reader.answers) <= taken + 1
    assert [one.percent for one in reader.answers] == [
        at % 100 for at in range(len(reader.answers))
    ]
    assert reader.next() == ("alone", len(reader.answers))


def _result(folder: Path) -> None:
    """Write a result of six patients whose forecasts are easy to see."""
    cases = tuple(
        CaseScore(case=case, probability=0.9131 if at % 2 else 0.1377, event=bool(at % 2))
        for at, case in enumerate(CASES)
    )
    apparent = tuple(one.model_copy(update={"probability": 0.5}) for one in cases)
    seen = tuple(
        Evaluation(cohort="all", scope=scope, n=6, events=3, cases=held)
        for scope, held in (("apparent", apparent), ("out-of-fold", cases))
    )
    outcome = OutcomeReport(name="er", kind="binary", models=(Model(name="rad", evaluations=seen),))
    content = ReportContent(study=Study(name="s"), outcomes=(outcome,))
    (folder / RESULT).write_text(content.model_dump_json(), encoding="utf-8")


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """Open the pages of a study with images that nobody loads."""
    _result(tmp_path)
    tasks = cast("Any", dict.fromkeys(CASES))
    cells = {case: {"afp": "1234.5", "er": "EVENT-CELL"} for case in CASES}
    app = make_app(tmp_path, "token", scans=Scans(tasks, cells, {"afp": "AFP (ng/mL)"}))
    client = TestClient(app, base_url="http://127.0.0.1")
    client.get("/?token=token")
    return client


def _post(client: TestClient, address: str, **given: object) -> Any:
    return client.post(address, data={name: str(value) for name, value in given.items()})


def test_the_pages_of_the_first_stage_hold_images_and_baseline_and_no_hint(
    client: TestClient,
) -> None:
    page = _post(client, "/reader", name=EVIL, question=0)
    assert page.status_code == 200
    for at in range(len(CASES)):
        text = page.text
        assert f"Case {at + 1} of 6" in text
        assert "1234.5" in text
        for hint in ("SECRET", "EVENT-CELL", "91", "14 %", "13.", "/cohort", "/case/", "/models"):
            assert hint not in text.replace(page.url.path, ""), hint
        assert "<script>window" not in text
        assert "&lt;script&gt;window.pwned=1&lt;/script&gt; 张伟" in text
        page = _post(client, page.url.path, stage=0, at=at, percent=50, call="no")
    assert "with the model" in page.text


def test_the_second_stage_shows_the_forecast_that_had_not_seen_the_case_and_keeps_it(
    client: TestClient, tmp_path: Path
) -> None:
    page = _post(client, "/reader", name="a", question=0)
    for stage in (0, 1):
        for at in range(len(CASES)):
            assert ("The model says" in page.text) == (stage == 1)
            page = _post(client, page.url.path, stage=stage, at=at, percent=50, call="no")
    assert "Finished" in page.text
    (reader,) = ReaderStore(tmp_path).readers()
    shown = {case: one.shown for case, one in reader.of(STAGES[1]).items()}
    assert shown == {case: 0.9131 if at % 2 else 0.1377 for at, case in enumerate(CASES)}
    assert {one.shown for one in reader.of(STAGES[0]).values()} == {None}


def test_pages_with_a_form_let_the_browser_say_where_it_is_from(client: TestClient) -> None:
    pages = [client.get("/reader"), _post(client, "/reader", name="a", question=0)]
    assert [one.headers["referrer-policy"] for one in pages] == ["same-origin"] * 2
    elsewhere = client.post("/reader", data={}, headers={"origin": "https://evil.example"})
    assert elsewhere.status_code == 403


def test_the_analysis_shows_and_gives_what_two_readers_answered(client: TestClient) -> None:
    assert "Nobody has started" in client.get("/readings").text
    for name in (EVIL, "b"):
        page = _post(client, "/reader", name=name, question=0)
        for stage in (0, 1):
            for at in range(len(CASES)):
                said = {"percent": 10 * at, "call": "yes" if at > 2 else "no"}
                page = _post(client, page.url.path, stage=stage, at=at, **said)
    text = client.get("/readings").text
    assert "2 readers, 6 cases, 3 events" in text
    assert "&lt;script&gt;window" in text
    assert "Obuchowski-Rockette, random readers" in text
    (found,) = client.get("/readings.json").json()["analyses"]
    assert [one["name"] for one in found["readers"]] == sorted((EVIL, "b"))
    assert found["model_auc"]["estimate"] == 1.0


def test_an_answer_sent_twice_is_refused_and_says_how_to_go_on(
    client: TestClient, tmp_path: Path
) -> None:
    address = _post(client, "/reader", name="a", question=0).url.path
    _post(client, address, stage=0, at=0, percent=50, call="no")
    twice = _post(client, address, stage=0, at=0, percent=99, call="yes")
    assert twice.status_code == 409
    assert "never changed" in twice.text
    assert f'href="{address}"' in twice.text
    (reader,) = ReaderStore(tmp_path).readers()
    assert [one.percent for one in reader.answers] == [50]


@pytest.mark.parametrize(
    "wrong", [{"percent": ""}, {"percent": "x"}, {"percent": "inf"}, {"call": "maybe"},
              {"stage": "2"}, {"at": "-1"}, {"stage": "1"}],
)  # fmt: skip
def test_an_answer_that_is_none_is_refused(
    wrong: dict[str, str], client: TestClient, tmp_path: Path
) -> None:
    address = _post(client, "/reader", name="a", question=0).url.path
    given = {"stage": "0", "at": "0", "percent": "50", "call": "no", **wrong}
    assert _post(client, address, **given).status_code == 409
    (reader,) = ReaderStore(tmp_path).readers()
    assert reader.answers == ()


@pytest.mark.parametrize(
    ("address", "given"),
    [("/reader", {"name": "a", "question": 7}), ("/reader/zz", {}), ("/reader", {"name": "a"})],
)
def test_what_does_not_exist_is_not_found(
    address: str, given: dict[str, object], client: TestClient
) -> None:
    assert _post(client, address, **given).status_code == 404


def test_an_unknown_reader_and_a_reader_without_a_name_are_refused(client: TestClient) -> None:
    assert client.get("/reader/0123456789abcdef").status_code == 422
    assert _post(client, "/reader", name="  ", question=0).status_code == 422


def test_cases_censored_before_the_horizon_and_competing_risks_are_not_asked() -> None:
    times = [(10.0, True), (30.0, True), (10.0, False), (30.0, False)]
    cases = tuple(
        CaseScore(case=str(at), probability=0.5, event=event, time_months=time)
        for at, (time, event) in enumerate(times)
    )
    seen = Evaluation(cohort="all", scope="out-of-fold", n=4, events=2, cases=cases)
    held = {"models": (Model(name="m", evaluations=(seen,)),), "horizon_months": 24.0}
    content = ReportContent(
        study=Study(name="s"),
        outcomes=(
            OutcomeReport(name="os", kind="survival", **held),
            OutcomeReport(name="crr", kind="competing", **held),
        ),
    )
    (only,) = reader_questions(content)
    assert only.words == "Os within 24 months"
    assert only.happened == {"0": True, "1": False, "3": False}
