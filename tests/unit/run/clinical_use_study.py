# SPDX-License-Identifier: Apache-2.0
"""A study with readers and a second treatment, whose truth is known."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from tests.unit.run.conftest import draw

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.run.conftest import Small

READERS = ("Ito", "Lund", "Meyer")


def with_clinical_use(folder: Path, patients: int = 160) -> Small:
    """Draw a cohort in which every second patient is treated again; readers gain from the model."""
    small = draw(folder, patients)
    rng = np.random.default_rng(11)
    rows = []
    for at, row in enumerate(small.clinical):
        row["again_weeks"] = f"{rng.uniform(2, 12):.1f}" if at % 2 else ""
        event = row["recurrence"] == "1"
        for reader in READERS if at < 100 else ():
            alone, shown = (event + rng.normal(scale=scale) for scale in (1.5, 0.7))
            rows.append(
                {
                    "reader": reader,
                    "case": row["case"],
                    "sure_alone": f"{alone:.2f}",
                    "sure_with": f"{shown:.2f}",
                    "call_alone": str(int(alone > 0.5)),
                    "call_with": str(int(shown > 0.5)),
                }
            )
    small.fields["again_weeks"] = {"kind": "time", "unit": "weeks", "timing": "outcome"}
    # Two that do not count: unknown to the study, and not answered by everybody.
    rows += [{**rows[0], "reader": reader, "case": "999"} for reader in READERS]
    rows[-4] = {**rows[-4], "call_with": ""}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "readers.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    small.study["readers"] = {
        "table": "readers.csv",
        "outcome": "recurred",
        "model": "combined",
        "score": {"alone": "sure_alone", "with_model": "sure_with"},
        "call": {"alone": "call_alone", "with_model": "call_with"},
    }
    small.study["strata"] = {
        "early": {"outcome": "recurred", "model": "combined"},
        "survival": {"outcome": "os", "model": "combined"},
        "treatment": {
            "given_at": "again_weeks",
            "unit": "weeks",
            "landmark_months": 3,
            "match": ["age", "stage"],
        },
    }
    small.study["split"] |= {"repeats": 1}
    small.study["controls"] = {"permuted_labels": 1}
    return small
