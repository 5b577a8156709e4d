# SPDX-License-Identifier: Apache-2.0
"""The stored values of R: enough of them, for every group, with versions and a script each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "r"
GROUPS = {
    "agreement",
    "calibration",
    "competing",
    "concordance",
    "correlation",
    "cox",
    "cutpoints",
    "horizon",
    "matching",
    "nomogram",
    "proportions",
    "reclassification",
    "regression",
    "resampling",
    "roc",
    "survival",
}
FILES = sorted(file for file in (FOLDER / "values").glob("*.json") if file.stem in GROUPS)


def leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(leaves(item) for item in value.values())
    if isinstance(value, list):
        return sum(leaves(item) for item in value)
    return int(isinstance(value, int | float))


def test_no_group_is_without_values() -> None:
    assert {file.stem for file in FILES} == GROUPS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_file_of_values_names_its_versions_and_has_its_script(file: Path) -> None:
    stored = json.loads(file.read_text(encoding="utf-8"))
    assert stored["versions"]["R"].startswith("4.")
    assert len(stored["versions"]) > 1
    assert leaves(stored["values"]) > 3
    assert (FOLDER / f"{file.stem}.R").is_file()


def test_there_are_far_more_than_two_hundred_values() -> None:
    stored = (json.loads(file.read_text(encoding="utf-8"))["values"] for file in FILES)
    assert sum(map(leaves, stored)) > 1000
