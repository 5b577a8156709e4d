# SPDX-License-Identifier: Apache-2.0
"""A study of early recurrence that keeps the patients who were censored early."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hepacast.run import whole

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.run.conftest import Small

EARLY = {
    "kind": "binary",
    "event": "death",
    "event_level": "1",
    "other_levels": ["0"],
    "within_months": 14,
    "time": "os_weeks",
    "unit": "weeks",
}


@pytest.fixture
def content(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run a study of death within 14 months, by classifiers and a regression; draw nothing."""
    monkeypatch.setattr(whole, "write_report", lambda _, out: out / "report.html")
    small.study["outcomes"] = {
        "weighed": {**EARLY, "censored_early": "ipcw"},
        "without": {**EARLY, "censored_early": "exclude"},
    }
    small.study["models"] |= {"algorithms": ["svm", "knn"], "sets": {"combined": ["rad_score"]}}
    del small.study["scores"]["clinical"]
    small.study["controls"] = {"permuted_labels": 1}
    small.study["split"] |= {"repeats": 1}
    out = tmp_path / "out"
    whole.run_study(small.save(), out)
    found: dict[str, Any] = json.loads((out / "result.json").read_text(encoding="utf-8"))
    return found


def test_nobody_leaves_and_the_auc_is_the_one_at_the_horizon(
    content: dict[str, Any],
) -> None:
    weighed, without = content["outcomes"]
    assert weighed["n"] == 48 > without["n"]
    assert weighed["events"] == without["events"]
    assert weighed["exclusions"] == []
    assert weighed["horizon_months"] == pytest.approx(14)
    assert "inverse probability of censoring" in weighed["definition"]
    assert "are excluded" in without["definition"]
    for model in weighed["models"]:
        for one in model["evaluations"]:
            assert one["measure"] == "AUC at 14 months"
            assert 0 < one["discrimination"]["value"] <= 1
    first = next(one for one in weighed["models"] if one["name"] == "combined svm")
    assert first["evaluations"][0]["calibration"]["brier"]["value"] < 0.3
    assert {one["measure"] for one in weighed["comparisons"]} == {"AUC at 14 months"}
    said = [one["text"] for one in content["notices"] if one["where"] == "models.algorithms"]
    assert said == ["cannot learn from Survival and are left out: knn"]
    text = next(one["text"] for one in content["methods"] if one["heading"] == "Early censoring")
    assert text.startswith("For weighed, follow-up ended at the horizon.")
    assert {"uno", "zheng"} <= {one["key"] for one in content["references"]}
