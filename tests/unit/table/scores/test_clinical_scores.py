# SPDX-License-Identifier: Apache-2.0
"""Scores against published test values, on tables with units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hepacast.core.errors import StudyError, TableError
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.table.scores import SCORES
from hepacast.table.scores.function import child_pugh_class
from hepacast.table.scores.score import QUANTITIES, ScoreParams
from hepacast.table.scores.stage import BCLC_STAGES, CNLC_STAGES, TNM_STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

UNITS = {
    "age": "years",
    "AFP": "ng/mL",
    "albumin": "g/L",
    "ALT": "U/L",
    "AST": "U/L",
    "bilirubin": "umol/L",
    "creatinine": "mg/dL",
    "diameter": "cm",
    "GGT": "U/L",
    "INR": "1",
    "lymphocytes": "10^9/L",
    "monocytes": "10^9/L",
    "neutrophils": "10^9/L",
    "platelets": "10^9/L",
    "sodium": "mmol/L",
    "sum_of_diameters": "cm",
}


def table_of(row: Mapping[str, float]) -> FeatureTable:
    columns = tuple(map(FeatureName.clinical, row))
    return FeatureTable(np.array([list(row.values())], dtype=float), ("HCC-031",), columns)


def value(block: object, row: Mapping[str, float], units: dict[str, str] | None = None) -> float:
    params = SCORES.parse(block)
    out = SCORES[params](table_of(row), UNITS if units is None else units, params)
    assert out.columns == (FeatureName.score(params.label),)  # type: ignore[attr-defined]
    return float(out.values[0, 0])


@pytest.mark.parametrize(
    ("albumin", "bilirubin", "score", "grade"),
    [
        (40, 17.1, -2.5862225671411787, 2),
        (44, 10, -3.08, 1),
        (30, 40, -1.492640405723545, 2),
        (25, 80, -0.8689606085853172, 3),
    ],
)
def test_albi(albumin: float, bilirubin: float, score: float, grade: int) -> None:
    row = {"albumin": albumin, "bilirubin": bilirubin}
    assert value("albi", row) == pytest.approx(score, abs=1e-12)
    assert value("albi-grade", row) == grade


def test_the_modified_albi_grade_divides_grade_two() -> None:
    grades = [
        value({"albi-grade": {"modified": True}}, {"albumin": albumin, "bilirubin": bilirubin})
        for albumin, bilirubin in ((44, 10), (40, 17.1), (30, 40), (25, 80))
    ]
    assert grades == [1.0, 2.0, 2.5, 3.0]


@pytest.mark.parametrize(
    ("bilirubin", "albumin", "inr", "ascites", "brain", "points", "letter"),
    [
        (1.2, 3.8, 1.1, 1, 1, 5, "A"),
        (2.0, 3.5, 1.7, 2, 1, 9, "B"),
        (3.1, 2.7, 2.4, 3, 3, 15, "C"),
        (3.0, 2.8, 2.3, 1, 1, 8, "B"),
    ],
)
def test_child_pugh(
    bilirubin: float,
    albumin: float,
    inr: float,
    ascites: int,
    brain: int,
    points: int,
    letter: str,
) -> None:
    row = {
        "bilirubin": bilirubin,
        "albumin": albumin,
        "INR": inr,
        "ascites": ascites,
        "encephalopathy": brain,
    }
    found = value("child-pugh", row, UNITS | {"bilirubin": "mg/dL", "albumin": "g/dL"})
    assert found == points
    assert child_pugh_class(found) == letter


BLOOD: list[tuple[str, dict[str, float], float]] = [
    ("fib-4", {"age": 53, "AST": 51, "ALT": 49, "platelets": 150}, 2.5742857142857143),
    ("apri", {"AST": 80, "platelets": 100}, 2.0),
    ("nlr", {"neutrophils": 4, "lymphocytes": 1.6}, 2.5),
    ("plr", {"platelets": 160, "lymphocytes": 1.6}, 100.0),
    ("lmr", {"lymphocytes": 1.6, "monocytes": 0.4}, 4.0),
    ("sii", {"platelets": 160, "neutrophils": 4, "lymphocytes": 1.6}, 400.0),
    ("pni", {"albumin": 40, "lymphocytes": 1.6}, 48.0),
]


@pytest.mark.parametrize(("kind", "row", "expected"), BLOOD, ids=[row[0] for row in BLOOD])
def test_blood_scores(kind: str, row: dict[str, float], expected: float) -> None:
    assert value(kind, row) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("bilirubin", "creatinine", "inr", "points"), [(2.5, 1.4, 1.6, 18), (0.6, 0.7, 0.9, 6)]
)
def test_meld(bilirubin: float, creatinine: float, inr: float, points: int) -> None:
    row = {"bilirubin": bilirubin, "creatinine": creatinine, "INR": inr}
    assert value("meld", row, UNITS | {"bilirubin": "mg/dL"}) == points


def test_meld_with_sodium_and_meld_3() -> None:
    units = UNITS | {"bilirubin": "mg/dL", "albumin": "g/dL"}
    row = {"bilirubin": 2.5, "creatinine": 1.4, "INR": 1.6, "sodium": 130.0}
    # 18 + 1.32 x 7 - 0.033 x 18 x 7 = 23.08
    assert value("meld-na", row, units) == 23
    assert value("meld-na", row | {"bilirubin": 0.6, "creatinine": 0.7, "INR": 0.9}, units) == 6
    assert value("meld-3", row | {"albumin": 2.9, "female": 1}, units) == 24
    assert value("meld-3", row | {"albumin": 2.9, "female": 0}, units) == 23


def stage_row(sizes: list[float], **more: float) -> dict[str, float]:
    row: dict[str, float] = {
        "diameter": max(sizes),
        "sum_of_diameters": sum(sizes),
        "tumours": len(sizes),
        "macrovascular_invasion": 0,
        "extrahepatic_spread": 0,
        "performance_status": 0,
        "child_pugh": 5,
        "vascular_invasion": 0,
        "major_branch_or_organ": 0,
        "lymph_nodes": 0,
        "metastasis": 0,
    }
    return row | more


@pytest.mark.parametrize(
    ("kind", "sizes", "beyond"),
    [
        ("milan", [5.0], 0),
        ("milan", [5.1], 1),
        ("milan", [3.0, 3.0, 1.0], 0),
        ("milan", [3.1, 1.0], 1),
        ("milan", [1, 1, 1, 1], 1),
        ("ucsf", [6.5], 0),
        ("ucsf", [4.5, 3.5], 0),
        ("ucsf", [4.5, 3.6], 1),
        ("up-to-seven", [4, 1, 1], 0),
        ("up-to-seven", [4.1, 1, 1], 1),
    ],
)
def test_transplant_criteria(kind: str, sizes: list[float], beyond: int) -> None:
    assert value(kind, stage_row(sizes)) == beyond
    assert value(kind, stage_row(sizes, macrovascular_invasion=1)) == 1


@pytest.mark.parametrize(
    ("sizes", "more", "stage"),
    [
        ([2.0], {}, "0"),
        ([7.0], {}, "A"),
        ([3, 2], {"child_pugh": 8}, "A"),
        ([3.1, 2], {}, "B"),
        ([2], {"performance_status": 1}, "C"),
        ([2], {"macrovascular_invasion": 1}, "C"),
        ([2], {"performance_status": 3}, "D"),
        ([2], {"child_pugh": 11}, "D"),
    ],
)
def test_bclc(sizes: list[float], more: dict[str, float], stage: str) -> None:
    assert BCLC_STAGES[value("bclc", stage_row(sizes, **more))] == stage


def test_bclc_follows_older_studies_when_asked() -> None:
    assert value({"bclc": {"single_over_5cm": "AB"}}, stage_row([7.0])) == 1.5
    assert value({"bclc": {"single_over_5cm": "B"}}, stage_row([7.0])) == 2
    fit = stage_row([2.0], performance_status=1)
    assert value({"bclc": {"ps1_is_advanced": False}}, fit) == 0


@pytest.mark.parametrize(
    ("sizes", "more", "stage"),
    [
        ([5.0], {}, "Ia"),
        ([5.1], {"performance_status": 2, "child_pugh": 8}, "Ib"),
        ([3, 3, 3], {}, "Ib"),
        ([3.1, 1], {}, "IIa"),
        ([1, 1, 1, 1], {}, "IIb"),
        ([3], {"macrovascular_invasion": 1}, "IIIa"),
        ([3], {"macrovascular_invasion": 1, "extrahepatic_spread": 1}, "IIIb"),
        ([3], {"performance_status": 3}, "IV"),
        ([3], {"child_pugh": 12}, "IV"),
    ],
)
def test_cnlc(sizes: list[float], more: dict[str, float], stage: str) -> None:
    assert CNLC_STAGES[int(value("cnlc", stage_row(sizes, **more)))] == stage


@pytest.mark.parametrize(
    ("sizes", "more", "stage"),
    [
        ([2.0], {"vascular_invasion": 1}, "IA"),
        ([2.1], {}, "IB"),
        ([2.1], {"vascular_invasion": 1}, "II"),
        ([5, 1], {}, "II"),
        ([5.1, 1], {}, "IIIA"),
        ([1], {"major_branch_or_organ": 1}, "IIIB"),
        ([1], {"lymph_nodes": 1}, "IVA"),
        ([1], {"lymph_nodes": 1, "metastasis": 1}, "IVB"),
    ],
)
def test_tnm(sizes: list[float], more: dict[str, float], stage: str) -> None:
    assert TNM_STAGES[int(value("tnm-8", stage_row(sizes, **more)))] == stage


@pytest.mark.parametrize(
    ("diameter_mm", "cirrhosis", "fusion", "capsule", "nodule", "expected"),
    [
        (60.65, 1, 0, 0, 0, -0.42375),
        (60.65, 1, 0, 2, 0, -2.13205),
        (120, 1, 1, 0, 1, 1.2844),
        (20, 0, 0, 2, 0, -3.1988),
    ],
)
def test_model_cs(
    diameter_mm: float, cirrhosis: int, fusion: int, capsule: int, nodule: int, expected: float
) -> None:
    row = {
        "diameter": diameter_mm,
        "cirrhosis": cirrhosis,
        "fusion_lesion": fusion,
        "capsule": capsule,
        "nodule_in_nodule": nodule,
    }
    found = value("model-cs", row, {"diameter": "mm"})
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_dsfr_cox_model() -> None:
    row = {"DSFR": 0.6, "HBsAg": 1, "AFP": 20, "GGT": 60}
    assert value("dsfr-cox", row) == pytest.approx(2.845)
    assert value("dsfr-cox", row | {"AFP": 400}) == pytest.approx(2.845 + 0.858)


def test_erasl_is_off_until_somebody_has_read_the_paper() -> None:
    row = {"male": 1, "albi_grade_2_or_3": 0, "AFP": 20, "diameter": 3, "tumours": 1}
    with pytest.raises(StudyError, match="not been compared"):
        value("erasl-pre", row)
    block = {"erasl-pre": {"use_unverified_coefficients": True}}
    assert value(block, row) == pytest.approx(1.7547683547829027)


@pytest.mark.parametrize(
    ("unit", "albumin"), [("g/L", 40.0), ("g/dL", 4.0)], ids=["per-litre", "per-decilitre"]
)
def test_units_are_converted(unit: str, albumin: float) -> None:
    row = {"albumin": albumin, "bilirubin": 17.1}
    assert value("albi", row, UNITS | {"albumin": unit}) == pytest.approx(-2.58622256714)


def test_spellings_of_units_that_spreadsheets_bring() -> None:
    row = {"albumin": 40.0, "bilirubin": 17.1}
    assert value("albi", row, UNITS | {"bilirubin": "µmol/L"}) == pytest.approx(-2.58622256714)
    counts = {"platelets": 160, "lymphocytes": 1.6}
    assert value("plr", counts, UNITS | {"platelets": "×10⁹/L"}) == 100


def test_unknown_and_missing_units_are_refused() -> None:
    row = {"albumin": 40.0, "bilirubin": 17.1}
    with pytest.raises(StudyError, match="albumin"):
        value("albi", row, UNITS | {"albumin": "g/gal"})
    with pytest.raises(StudyError, match="unit of bilirubin"):
        value("albi", row, {"albumin": "g/L"})


def test_values_that_betray_a_wrong_unit_name_the_case() -> None:
    with pytest.raises(TableError, match="albumin lies between") as caught:
        value("albi", {"albumin": 4.0, "bilirubin": 17.1})
    assert caught.value.where == {"score": "ALBI", "case": "HCC-031"}


def test_missing_inputs_give_a_missing_score() -> None:
    assert np.isnan(value("albi", {"albumin": np.nan, "bilirubin": 17.1}))
    assert np.isnan(value("bclc", stage_row([2.0], performance_status=np.nan)))
    assert np.isnan(value("milan", stage_row([2.0], macrovascular_invasion=np.nan)))


def test_another_heading_can_be_named() -> None:
    row = {"ALB0": 44.0, "TBIL": 10.0}
    block = {"albi": {"albumin": "ALB0", "bilirubin": "TBIL"}}
    assert value(block, row, {"ALB0": "g/L", "TBIL": "umol/L"}) == pytest.approx(-3.08)


@pytest.mark.parametrize("kind", sorted(SCORES))
def test_every_score_names_its_source_and_reads_existing_settings(kind: str) -> None:
    settings: Any = SCORES.settings(kind)
    assert issubclass(settings, ScoreParams)
    assert len(settings.source) > 8
    assert settings.label
    assert settings.verified
    assert all(name in settings.model_fields for name in settings.inputs)


def test_ranges_hold_what_patients_have() -> None:
    assert all(one.low < one.high for one in QUANTITIES.values())
