# SPDX-License-Identifier: Apache-2.0
"""The studies of real patients, from their example files to the report."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from hepacast.core.errors import StudyError
from hepacast.core.outcome import Survival
from hepacast.io.tables import read_table
from hepacast.report.write import write_report
from hepacast.run import whole
from hepacast.run.check import check_study
from hepacast.run.gather import gather
from hepacast.run.work.execution import Execution
from hepacast.stats.survival import kaplan_meier

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
ABSENT = "HCC_001, HCC_005, HCC_006, HCC_009, HCC_010, HCC_012, HCC_014, HCC_015"
UNMEASURED = ", ".join(f"CRLM-CT-1{at:03d}" for at in (2, 8, 12, 17, 16, 21, 22, 28))


def table_of(name: str, cases: int, columns: int, events: int) -> list[str]:
    return [
        f"study {name}: {cases} clinical rows",
        f"  features rad: {cases} cases x {columns} columns",
        f"  in: {cases} cases with all sources",
        f"  outcome target: {events} events among {cases} cases",
    ]


LINES = {
    "hcc-tace": [
        "study hcc-tace: 105 clinical rows",
        "  features published: 84 cases x 420 columns",
        "  in: 84 cases with all sources",
        "  out: 21 no row in feature table published (" + ABSENT + " and 13 more)",
        "  outcome overall_survival: 93 events among 105 cases",
        "  outcome time_to_progression: 45 events among 105 cases",
    ],
    "hepatocellular": [
        "study hepatocellular: 227 clinical rows",
        "  features markers: 227 cases x 3 columns",
        "  in: 227 cases with all sources",
        "  outcome overall_survival: 97 events among 227 cases",
        "  outcome recurrence_free_survival: 143 events among 227 cases",
    ],
    "crlm": [
        "study crlm: 197 clinical rows",
        "  features published: 90 cases x 525 columns",
        "  in: 90 cases with all sources",
        "  out: 107 no row in feature table published (" + UNMEASURED + " and 99 more)",
        "  outcome disease_free_survival: 138 events among 197 cases",
    ],
    "worc-liver": table_of("worc-liver", 186, 1015, 94),
    "keek-2020": table_of("keek-2020", 273, 1322, 119),
    "zhang-2023": table_of("zhang-2023", 203, 1781, 104),
    "lgg-1p19q": table_of("lgg-1p19q", 159, 2030, 102),
}
"""What `check` says, counted by hand in the tables as they were published."""


@pytest.fixture
def example(shared: Path, tmp_path: Path) -> Callable[..., Path]:
    """Copy an example with its paths made absolute, and change some of its blocks."""

    def copy(name: str, **blocks: Any) -> Path:
        folder = tmp_path / name
        shutil.copytree(EXAMPLES / name, folder)
        text = (folder / "study.yaml").read_text(encoding="utf-8")
        content = yaml.safe_load(text.replace("../../../shared/data", str(shared)))
        for block, settings in blocks.items():
            content[block].update(settings)
        path = folder / "study.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return path

    return copy


def quick(example: Callable[..., Path], name: str) -> Path:
    return example(name, split={"repeats": 1}, controls={"permuted_labels": 0})


@pytest.mark.parametrize("name", sorted(LINES))
def test_the_tables_of_the_study_are_in_order(name: str, example: Callable[..., Path]) -> None:
    summary = check_study(example(name))
    assert list(summary.lines) == LINES[name]
    assert summary.failures == {}


@pytest.mark.oracle
def test_median_survival_after_tace_agrees_with_lifelines(
    shared: Path, example: Callable[..., Path]
) -> None:
    lifelines = pytest.importorskip("lifelines", reason="lifelines is not installed")
    table = read_table(
        shared / "hcc_tace_seg" / "HCC-TACE-Seg_clinical_data-V2.xlsx", sheet="data table"
    )
    weeks = [float(cell or "nan") for cell in table.column("OS")]
    died = [cell == "1" for cell in table.column("Death_1_StillAliveorLostToFU_0")]
    theirs = lifelines.KaplanMeierFitter().fit(weeks, died).median_survival_time_
    outcome = gather(example("hcc-tace")).labelled["overall_survival"].outcome
    assert isinstance(outcome, Survival)
    ours = kaplan_meier(outcome.time_days / 7, outcome.event).quantile(0.5)[0]
    assert ours == pytest.approx(theirs)
    assert ours == pytest.approx(108.29, abs=0.01)


@pytest.mark.parametrize("name", ["1_RECIST_FU", "1_mRECIST_FU", "Interval_FU", "1_RECIST", "OS"])
def test_what_is_known_only_after_the_treatment_is_refused(
    name: str, example: Callable[..., Path]
) -> None:
    with pytest.raises(StudyError, match=f"known at baseline; got '{name}', whose timing"):
        gather(example("hcc-tace", clinical={"use": ["age", name]}))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hcc-tace", "hepatocellular"])
def test_it_runs_from_end_to_end_with_a_believable_result(
    name: str, example: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "write_report", partial(write_report, figures=("svg",)))
    finished = whole.run_study(quick(example, name), tmp_path / "out", execution=Execution(2))
    assert finished.failures == {}
    content = json.loads((tmp_path / "out" / "result.json").read_text())
    for outcome in content["outcomes"]:
        assert outcome["permutations"] == []
        for model in outcome["models"]:
            honest, apparent = (one["discrimination"]["value"] for one in model["evaluations"])
            assert 0.3 < honest < 0.8
            assert np.isfinite(apparent)
            assert apparent > honest - 0.15
