# SPDX-License-Identifier: Apache-2.0
"""The catalogue of filters and features, and the page that is written from it."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import pytest

from hepacast.radiomics.families import FAMILIES
from hepacast.radiomics.filters import FILTERS
from hepacast.radiomics.filters.registry import CATALOGUE

PAGE = Path(__file__).parents[2] / "docs/radiomics/catalogue.md"
IBSI_2 = {
    "ibsi-mean": "S60F", "ibsi-log": "L6PA", "ibsi-laws": "JTXT", "ibsi-gabor": "Q88H",
    "ibsi-wavelet": "25BO", "ibsi-simoncelli": "PRT7", "ibsi-riesz-log": "AYRS",
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(FILTERS))
def test_every_filter_says_what_it_is(kind: str) -> None:
    entry = CATALOGUE[kind]
    assert entry.formula
    assert entry.unit
    assert entry.source
    assert entry.ibsi == IBSI_2.get(kind, entry.ibsi)
    assert len(entry.ibsi) in {0, 4}


def test_the_page_is_the_one_that_the_registries_write() -> None:
    spec = importlib.util.spec_from_file_location("catalogue", PAGE.with_suffix(".py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert PAGE.read_text() == module.text(), "run docs/radiomics/catalogue.py again"


def test_every_code_of_ibsi_1_belongs_to_a_feature(shared: Path) -> None:
    with (shared / "ibsi/ibsi_1_reference_values.csv").open() as handle:
        codes = {row["ibsi_code"] for row in csv.DictReader(handle)}
    ours = {
        feature.ibsi
        for kind in FAMILIES
        if kind.startswith("ibsi-")
        for feature in FAMILIES[FAMILIES.settings(kind)()].features
    }
    assert codes <= ours
    assert ours <= codes


def test_no_formula_is_only_the_name_of_its_feature(shared: Path) -> None:
    with (shared / "ibsi/ibsi_1_reference_values.csv").open() as handle:
        names = {row["feature"].lower() for row in csv.DictReader(handle)}
    for kind in FAMILIES:
        for feature in FAMILIES[FAMILIES.settings(kind)()].features:
            assert feature.formula.lower() not in names
            assert feature.formula.lower() != feature.name.lower()
