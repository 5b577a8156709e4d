# SPDX-License-Identifier: Apache-2.0
"""A small study of tables that is in order, for tests to run or to break."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

STUDY = """
schema: 1
study: {name: small, title: A small study}
clinical: {table: clinical.csv, dictionary: fields.yaml}
outcomes:
  recurred: {kind: binary, event: recurrence, event_level: "1", other_levels: ["0"]}
  os:
    kind: survival
    time: os_weeks
    unit: weeks
    event: death
    event_level: "1"
    censored_level: "0"
    horizon_months: 12
features:
  published: {table: features.csv}
scores:
  clinical: {from: [clinical], steps: [impute], model: regression}
  rad_score: {from: [published], steps: [impute, variance, zscore], model: regression}
models:
  sets: {clinical: [clinical], imaging: [rad_score], combined: [clinical, rad_score]}
split: {seed: 7, outer: 3, repeats: 2, inner: 3}
controls: {permuted_labels: 3}
"""
FIELDS = """
age: {kind: number, unit: years, timing: baseline, low: 18, high: 110}
stage: {kind: category, levels: [A, B], timing: baseline}
response: {kind: flag, timing: follow-up}
recurrence: {kind: event, timing: outcome}
os_weeks: {kind: time, unit: weeks, timing: outcome}
death: {kind: event, timing: outcome}
"""


@dataclass
class Small:
    """A study as plain Python values: change them, save them."""

    folder: Path
    study: dict[str, Any] = field(default_factory=lambda: yaml.safe_load(STUDY))
    fields: dict[str, Any] = field(default_factory=lambda: yaml.safe_load(FIELDS))
    clinical: list[dict[str, str]] = field(default_factory=list)
    features: list[dict[str, str]] = field(default_factory=list)

    def set_cells(self, column: str, *values: str) -> None:
        """Write values into a clinical column, from the top, again and again."""
        for at, row in enumerate(self.clinical):
            row[column] = values[at % len(values)]

    def save(self) -> Path:
        """Write all files and return the path of the study file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "study.yaml"
        path.write_text(yaml.safe_dump(self.study, sort_keys=False), encoding="utf-8")
        (self.folder / "fields.yaml").write_text(
            yaml.safe_dump(self.fields, sort_keys=False), encoding="utf-8"
        )
        for name, rows in (("clinical.csv", self.clinical), ("features.csv", self.features)):
            with (self.folder / name).open("w", newline="", encoding="utf-8") as stream:
                heading = list(rows[0]) if rows else ["case", "age"]
                writer = csv.DictWriter(stream, heading)
                writer.writeheader()
                writer.writerows(rows)
        return path


def draw(folder: Path, patients: int = 48, seed: int = 5) -> Small:
    """Draw a cohort whose outcome hangs on volume and age; a few values are missing."""
    rng = np.random.default_rng(seed)
    small = Small(folder)
    volume, texture, age = rng.normal(size=(3, patients))
    risk = volume + 0.5 * age
    weeks = 70 * rng.exponential(np.exp(-0.7 * risk)) + 1
    censored = rng.uniform(40, 250, patients)
    for at in range(patients):
        case = f"{at + 1:03d}"
        small.clinical.append(
            {
                "case": case,
                "age": "" if at == 5 else f"{60 + 8 * age[at]:.0f}",
                "stage": "AB"[int(rng.random() < 0.4)],
                "response": str(int(rng.random() < 0.5)),
                "recurrence": str(int(risk[at] + rng.logistic() > 0)),
                "os_weeks": f"{min(weeks[at], censored[at]):.1f}",
                "death": str(int(weeks[at] <= censored[at])),
            }
        )
        small.features.append(
            {
                "case": case,
                "original_shape_MeshVolume": f"{20 * np.exp(0.5 * volume[at]):.2f}",
                "original_glcm_Idm": f"{0.4 + 0.1 * texture[at]:.4f}",
                "original_firstorder_Mean": "" if at == 9 else f"{rng.normal(80, 9):.2f}",
            }
        )
    return small


@pytest.fixture
def small(tmp_path: Path) -> Small:
    """Return a study that is in order, in its own folder, not yet saved."""
    return draw(tmp_path / "study")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawing out, which takes most of the time: the numbers are in result.json."""
    from hepacast.run import whole  # noqa: PLC0415 - loads much

    monkeypatch.setattr(whole, "write_report", lambda _content, folder: folder / "report.html")


@pytest.fixture
def few_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw reports, but leave out the figure files that need most of the time."""
    from hepacast.report.write import write_report  # noqa: PLC0415 - loads matplotlib
    from hepacast.run import whole  # noqa: PLC0415 - loads much

    monkeypatch.setattr(whole, "write_report", partial(write_report, figures=("svg",)))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Run the small study once, and draw it; return its study file and its results."""
    from hepacast.report.write import write_report  # noqa: PLC0415 - loads matplotlib
    from hepacast.run import whole  # noqa: PLC0415 - loads much
    from hepacast.run.work.execution import Execution  # noqa: PLC0415 - the same

    folder = tmp_path_factory.mktemp("finished")
    path = draw(folder / "study").save()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole, "write_report", partial(write_report, figures=("svg",)))
        whole.run_study(path, folder / "out", execution=Execution(1))
    return path, folder / "out"
