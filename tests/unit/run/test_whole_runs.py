# SPDX-License-Identifier: Apache-2.0
"""A small study of tables, from its file to its report."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hepacast.cli.main import main
from hepacast.core.errors import StudyError
from hepacast.core.events import Event, Noticed
from hepacast.run import whole
from hepacast.run.whole import redraw, run_study
from hepacast.run.work.execution import Execution

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.run.conftest import Small

    Finished = tuple[Path, Path]


def read(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "result.json").read_text(encoding="utf-8"))
    return content


def numbers(out: Path) -> dict[str, Any]:
    """Return what a run found, without when it was and what the lock was called."""
    content = read(out)
    del content["study"]["created"]
    return content


def test_a_run_leaves_report_result_lock_figures_and_tables(finished: Finished) -> None:
    _, out = finished
    there = {path.name for path in out.iterdir()}
    assert {"report.html", "result.json", "study.lock", "figures", "tables"} <= there
    assert "failures.csv" not in there
    assert any((out / "figures").glob("*.svg"))
    assert any((out / "tables").glob("*.csv"))
    assert not [name for name in there if name.startswith((".writing-", ".report-"))]


def test_the_report_needs_nothing_from_elsewhere(finished: Finished) -> None:
    page = (finished[1] / "report.html").read_text(encoding="utf-8")
    assert "A small study" in page
    for source in ('src="http', "src='http", '<link rel="stylesheet" href="http', "@import"):
        assert source not in page


def test_every_model_and_baseline_is_there_for_every_outcome(finished: Finished) -> None:
    content = read(finished[1])
    names = {"clinical", "imaging", "combined", "volume-only", "clinical-only"}
    for outcome in content["outcomes"]:
        assert {model["name"] for model in outcome["models"]} == names
        roles = {model["name"]: model["role"] for model in outcome["models"]}
        assert roles["volume-only"] == roles["clinical-only"] == "baseline"
        assert {one["model"] for one in outcome["permutations"]} == names
        for model in outcome["models"]:
            scopes = [evaluation["scope"] for evaluation in model["evaluations"]]
            assert scopes == ["out-of-fold", "apparent"]


def test_every_case_is_counted_from_the_table_to_the_estimate(finished: Finished) -> None:
    content = read(finished[1])
    assert content["flow"][0]["n_before"] == content["flow"][-1]["n_after"] == 48
    assert content["study"]["lock"]["n_cases"] == 48
    for outcome in content["outcomes"]:
        assert outcome["n"] == 48
        for model in outcome["models"]:
            assert len(model["evaluations"][0]["cases"]) == 48


def test_the_lock_says_who_was_scored_where_and_from_what(finished: Finished) -> None:
    path, out = finished
    lock = json.loads((out / "study.lock").read_text(encoding="utf-8"))
    assert set(lock["digests"]) == {"study file", "clinical table", "feature table published"}
    split = lock["study"]["split"]
    assert {n: split[n] for n in ("seed", "outer", "repeats", "inner")} == {
        "seed": 7,
        "outer": 3,
        "repeats": 2,
        "inner": 3,
    }
    assert lock["study"]["evaluate"]["thresholds"] == [0.05, 0.8]
    for outcome in lock["outcomes"].values():
        for repeat in (1, 2):
            scored = [
                case
                for key, cases in outcome["folds"].items()
                if key.startswith(f"repeat {repeat}")
                for case in cases
            ]
            assert sorted(scored) == sorted(outcome["cases"])
    assert str(path.parent) not in json.dumps(lock)


@pytest.mark.usefixtures("quick")
def test_a_second_run_gives_the_same_numbers_and_the_same_lock(
    finished: Finished, tmp_path: Path
) -> None:
    path, out = finished
    run_study(path, tmp_path / "out", execution=Execution(1))
    assert (tmp_path / "out" / "study.lock").read_bytes() == (out / "study.lock").read_bytes()
    assert numbers(tmp_path / "out") == numbers(out)


@pytest.mark.usefixtures("quick")
def test_two_workers_give_the_same_numbers(finished: Finished, tmp_path: Path) -> None:
    path, out = finished
    run_study(path, tmp_path / "out", execution=Execution(2))
    assert numbers(tmp_path / "out") == numbers(out)


@pytest.mark.usefixtures("quick")
def test_the_order_of_the_rows_in_the_files_changes_no_estimate(
    finished: Finished, small: Small, tmp_path: Path
) -> None:
    small.clinical.reverse()
    np.random.default_rng(1).shuffle(small.features)
    run_study(small.save(), tmp_path / "out", execution=Execution(1))
    for one, other in zip(
        read(finished[1])["outcomes"], read(tmp_path / "out")["outcomes"], strict=True
    ):
        for a, b in zip(one["models"], other["models"], strict=True):
            first, second = (m["evaluations"][0]["discrimination"] for m in (a, b))
            assert second["value"] == pytest.approx(first["value"], abs=1e-12)
            assert second["low"] == pytest.approx(first["low"], abs=1e-9)
        for a, b in zip(one["permutations"], other["permutations"], strict=True):
            assert b["p"] == a["p"]
            assert b["null"] == pytest.approx(a["null"])


@pytest.mark.usefixtures("quick")
def test_a_run_into_its_own_folder_replaces_its_results(
    finished: Finished, small: Small, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished[1], out)
    (out / "notes.txt").write_text("mine")
    small.study["split"]["seed"] = 8
    run_study(small.save(), out, execution=Execution(1))
    assert read(out)["study"]["seed"] == 8
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({".hepacast-study": "another\n"}, "the results of study 'another'"),
        ({"thesis.docx": ""}, "other files"),
    ],
)
def test_a_folder_of_something_else_is_refused(
    there: dict[str, str], said: str, small: Small, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name, content in there.items():
        (out / name).write_text(content)
    with pytest.raises(StudyError, match=said):
        run_study(small.save(), out, execution=Execution(1))
    assert {path.name: path.read_text() for path in out.iterdir()} == there


def test_a_file_in_the_place_of_the_folder_is_refused(small: Small, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(StudyError, match="got a file"):
        run_study(small.save(), tmp_path / "out", execution=Execution(1))
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.usefixtures("quick")
def test_a_run_that_was_stopped_goes_on_in_its_folder(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    study, out = small.save(), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(whole, "find", stop)
        with pytest.raises(KeyboardInterrupt):
            run_study(study, out, execution=Execution(1))
    assert any(out.iterdir())
    run_study(study, out, execution=Execution(1))
    assert read(out)["outcomes"]


@pytest.mark.usefixtures("quick")
def test_cases_that_leave_are_counted_once_with_their_reason(small: Small, tmp_path: Path) -> None:
    del small.features[40:]
    small.clinical[0]["recurrence"] = ""
    small.clinical[47]["recurrence"] = ""
    heard: list[Event] = []
    small.features.append({**small.features[0], "case": "900"})
    run_study(small.save(), tmp_path / "out", execution=Execution(1), on_event=heard.append)
    content = read(tmp_path / "out")
    first = content["flow"][0]
    assert (first["n_before"], first["n_after"]) == (48, 40)
    assert [(one["n"], one["reason"]) for one in first["exclusions"]] == [
        (8, "no row in feature table published")
    ]
    assert {o["name"]: o["n"] for o in content["outcomes"]} == {"recurred": 39, "os": 40}
    said = [event.text for event in heard if isinstance(event, Noticed)]
    assert "1 cases without a clinical row are left out: 900" in said


@pytest.mark.usefixtures("quick")
def test_without_shuffles_no_control_is_claimed(small: Small, tmp_path: Path) -> None:
    small.study["controls"]["permuted_labels"] = 0
    small.study["split"]["repeats"] = 1
    run_study(small.save(), tmp_path / "out", execution=Execution(1))
    assert all(outcome["permutations"] == [] for outcome in read(tmp_path / "out")["outcomes"])


@pytest.mark.usefixtures("few_figures")
def test_the_report_is_drawn_again_from_its_result(finished: Finished, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(finished[1] / "result.json", out)
    page = redraw(out)
    assert page.read_bytes() == (finished[1] / "report.html").read_bytes()
    assert not (out / "tables.docx").exists()
    assert main(["report", str(out), "--docx"]) == 0
    assert (out / "tables.docx").read_bytes()[:2] == b"PK"


@pytest.mark.parametrize("content", [None, "", "{}", "not JSON"])
def test_a_folder_without_a_whole_result_cannot_be_drawn(
    content: str | None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "result.json").write_text(content)
    assert main(["report", str(tmp_path)]) == 2
    assert "a finished run has a result.json" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == (
        [] if content is None else ["result.json"]
    )


@pytest.mark.usefixtures("quick")
def test_an_estimate_keeps_its_direction_when_the_signal_turns_around(
    finished: Finished, small: Small, tmp_path: Path
) -> None:
    """Nobody assumes a direction: a feature with its sign changed says the same."""
    for row in small.features:
        row["original_glcm_Idm"] = f"{-float(row['original_glcm_Idm']):.4f}"
    run_study(small.save(), tmp_path / "out", execution=Execution(1))
    for one, other in zip(
        read(finished[1])["outcomes"], read(tmp_path / "out")["outcomes"], strict=True
    ):
        for a, b in zip(one["models"], other["models"], strict=True):
            assert b["evaluations"][0]["discrimination"]["value"] == pytest.approx(
                a["evaluations"][0]["discrimination"]["value"], abs=1e-9
            )
