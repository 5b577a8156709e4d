# SPDX-License-Identifier: Apache-2.0
"""Readers with and without a model, and a treatment within classes of risk, from a study file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hepacast.core.errors import HepacastError, StudyError
from hepacast.core.text import TextTable
from hepacast.report.document import render_html
from hepacast.report.write import read_result
from hepacast.run import whole
from hepacast.run.content.clinical_use import require_usable
from hepacast.run.gather import gather
from hepacast.run.reader_table import read_readers
from hepacast.run.settings.clinical_use import ReadersParams
from hepacast.stats.roc import auc
from tests.unit.run.clinical_use_study import READERS, with_clinical_use

if TYPE_CHECKING:
    from pathlib import Path

CALLS = {"table": "r.csv", "outcome": "er", "model": "all"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Run the study once; draw nothing."""
    folder = tmp_path_factory.mktemp("use")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "write_report", lambda _, out: out / "report.html")
        whole.run_study(with_clinical_use(folder / "study").save(), folder / "out")
    content: dict[str, Any] = json.loads((folder / "out/result.json").read_text(encoding="utf-8"))
    return folder, content


def test_readers_are_compared_on_the_cases_that_all_of_them_answered(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    folder, content = finished
    found = content["readers"]
    assert [one["name"] for one in found["readers"]] == list(READERS)
    assert found["n"] == 99
    assert len(found["left_out"]) == 2
    assert {one["measure"] for one in found["together"]} == {"AUC", "sensitivity", "specificity"}
    # The first reader's AUC, straight from the table.
    rows = [row.split(",") for row in (folder / "study/readers.csv").read_text().splitlines()[1:]]
    event = {
        row[0]: row[4] == "1"
        for row in (
            line.split(",") for line in (folder / "study/clinical.csv").read_text().splitlines()
        )
    }
    there = [row for row in rows if row[0] == "Ito" and row[1] != "999"]
    whole_rows = [row for row in rows if row[5] == ""]
    mine = [row for row in there if row[1] not in {one[1] for one in whole_rows}]
    labels = np.array([event[row[1]] for row in mine])
    alone = auc(np.array([float(row[2]) for row in mine]), labels).estimate
    assert found["readers"][0]["auc"]["alone"]["value"] == pytest.approx(alone)
    assert found["events"] == int(labels.sum())


def test_the_model_itself_is_judged_by_scores_that_left_the_patient_out(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    found = finished[1]["readers"]["model_alone"]
    assert "within folds" in found["method"]


def test_every_patient_is_in_one_class_and_the_treatment_is_compared_in_each(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    strata = finished[1]["strata"]
    assert [one["cohort"] for one in strata] == ["all cases"]
    curves = strata[0]["curves"]["curves"]
    assert sum(one["n"] for one in curves) == 160
    assert curves[0]["label"] == "ER low, OS low"
    classes = strata[0]["benefit"]["classes"]
    assert [one["name"] for one in classes] == [one["label"] for one in curves]
    for one in classes:
        assert (one["hazard_ratio"] is None) == bool(one["reason"])
    assert any(one["hazard_ratio"] for one in classes)
    # A treatment that does nothing: the truth lies in the interval.
    best = max(classes, key=lambda one: one["pairs"])["hazard_ratio"]
    assert best["low"] < 1 < best["high"]


def test_the_classes_follow_the_groups_that_the_report_shows(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    content = finished[1]
    groups = []
    for outcome in content["outcomes"]:
        model = next(one for one in outcome["models"] if one["name"] == "combined")
        groups.append({one["case"]: one["group"] for one in model["evaluations"][0]["cases"]})
    both = [case for case, group in groups[0].items() if {group, groups[1][case]} == {"low risk"}]
    assert content["strata"][0]["curves"]["curves"][0]["n"] == len(both)


def test_the_methods_say_how_and_cite_it(finished: tuple[Path, dict[str, Any]]) -> None:
    content = finished[1]
    text = next(one["text"] for one in content["methods"] if one["heading"] == "Clinical use")
    assert "landmark at month 3" in text
    keys = {one["key"] for one in content["references"]}
    cited = ("obuchowski", "hillis", "anderson", "austin")
    assert all(f"[@{key}]" in text for key in cited)
    assert {*cited} <= keys
    assert not keys & {"uno", "zheng"}


def test_the_report_prints_both(finished: tuple[Path, dict[str, Any]]) -> None:
    content = read_result(finished[0] / "out/result.json")
    # The outcomes have their own tests; without them the page is drawn at once.
    page = render_html(content.model_copy(update={"outcomes": ()}))
    for words in ("Readers without and with the model", "All readers together", "Meyer",
                  "Classes of risk: all cases", "again_weeks within the classes"):  # fmt: skip
        assert words in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"early": {"outcome": "nothing", "model": "combined"}}, "no outcome 'nothing'"),
        ({"early": {"outcome": "recurred", "model": "combine"}}, "did you mean 'combined'"),
        ({"survival": {"outcome": "recurred", "model": "combined"}}, "needs a time to an event"),
        ({"treatment": {"match": ["response"]}}, "must be known at baseline"),
        ({"treatment": {"given_at": "age"}}, "timing: outcome"),
        ({"treatment": {"unit": "days"}}, "must be the same in the study file"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    small = with_clinical_use(tmp_path / "study")
    for name, block in change.items():
        small.study["strata"][name] = small.study["strata"][name] | block
    with pytest.raises(HepacastError, match=said):
        require_usable(gather(small.save()))


def test_an_algorithm_that_is_left_out_cannot_divide_patients(tmp_path: Path) -> None:
    small = with_clinical_use(tmp_path / "study")
    small.study["models"]["algorithms"] = ["svm", "regression"]
    small.study["readers"]["model"] = "combined svm"
    for place in ("early", "survival"):
        small.study["strata"][place]["model"] = "combined svm"
    with pytest.raises(StudyError, match="'combined svm', which cannot learn Survival"):
        require_usable(gather(small.save()))


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"m": ("1", "2", "0")}, "a call is 0 or 1; got '2' and '0'"),
        ({"case": ("p1", "p1", "p1")}, "every reader answers a case once"),
        ({"a": ("1", "", "")}, "all readers answered"),
    ],
)
def test_a_table_of_readers_with_a_mistake_is_refused(
    cells: dict[str, tuple[str, ...]], said: str
) -> None:
    columns = {"reader": ("r1", "r2", "r1"), "case": ("p1", "p1", "p2"),
               "a": ("1", "0", "1"), "m": ("1", "1", "0")} | cells  # fmt: skip
    params = ReadersParams.model_validate({**CALLS, "call": {"alone": "a", "with_model": "m"}})
    with pytest.raises(HepacastError, match=said):
        read_readers(TextTable(columns, "r.csv", ""), params)


def test_readers_must_have_said_something() -> None:
    with pytest.raises(ValueError, match="needs score, call or both"):
        ReadersParams.model_validate(CALLS)
