# SPDX-License-Identifier: Apache-2.0
"""The clinical table of the phantom and its dictionary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hepacast.phantom.clinical import (
    LABORATORIES,
    child_pugh_points,
    clinical_row,
    dictionary,
    outcome_row,
)
from hepacast.phantom.latent import LOADINGS, draw
from hepacast.phantom.outcome import Hazards, follow
from hepacast.phantom.params import PhantomParams, spread, stream
from hepacast.table.fields import parse_dictionary

if TYPE_CHECKING:
    from jaxtyping import Float

    Row = dict[str, Any]
    Values = Float[np.ndarray, " case"]


def rows(params: PhantomParams, patients: int) -> list[Row]:
    found: list[Row] = []
    for index in range(1, patients + 1):
        latent = draw(stream(params.seed, index, "latent"), 1)
        course = follow(stream(params.seed, index, "course"), Hazards.of_latent(params, latent))
        row = clinical_row(params, latent, stream(params.seed, index, "clinical"))
        found.append(row | outcome_row(course, stream(params.seed, index, "follow-up")))
    return found


@pytest.fixture(scope="module")
def cohort() -> list[Row]:
    return rows(PhantomParams(), 600)


def column(cohort: list[Row], name: str) -> Values:
    return np.array([row[name] for row in cohort if row[name] is not None], dtype=float)


def test_the_dictionary_describes_every_column_and_no_other(cohort: list[Row]) -> None:
    assert set(dictionary()) == {"case", "site"} | set(cohort[0])
    assert set(LABORATORIES) == set(LOADINGS)


def test_the_reader_of_dictionaries_accepts_it() -> None:
    fields = parse_dictionary(dictionary(), source="fields.yaml")
    assert fields["afp"].unit == "ng/mL"
    assert fields["response_3_months"].timing == "follow-up"
    assert fields["rfs_days"].timing == "outcome"
    assert fields["site"].kind == "text"


def test_values_keep_to_the_dictionary(cohort: list[Row]) -> None:
    for name, field in dictionary().items():
        if name in {"case", "site"}:
            continue
        values = [row[name] for row in cohort if row[name] is not None]
        if field["kind"] == "number":
            assert all(field["low"] <= value <= field["high"] for value in values), name
        if field["kind"] == "category":
            assert {str(value) for value in values} <= set(field["levels"]), name
        if field["kind"] in {"flag", "event"}:
            assert set(values) <= {0, 1}, name


def test_medians_are_those_of_a_liver_clinic(cohort: list[Row]) -> None:
    assert 20 < np.median(column(cohort, "afp")) < 80
    assert 38 < np.median(column(cohort, "albumin")) < 43
    assert 30 < np.median(column(cohort, "diameter_mm")) < 46
    assert 0.7 < np.mean([row["sex"] == "male" for row in cohort]) < 0.9
    assert 0.7 < np.mean([row["child_pugh"] == "A" for row in cohort]) < 1


def test_liver_failure_ties_albumin_bilirubin_and_inr_together(cohort: list[Row]) -> None:
    complete = [r for r in cohort if None not in (r["albumin"], r["bilirubin"], r["inr"])]
    albumin, bilirubin, inr = (column(complete, n) for n in ("albumin", "bilirubin", "inr"))
    assert np.corrcoef(albumin, np.log(bilirubin))[0, 1] < -0.3
    assert np.corrcoef(albumin, inr)[0, 1] < -0.3


def test_missing_values_come_in_the_share_asked_for() -> None:
    for share in (0.0, 0.1, 0.3):
        few = rows(PhantomParams(missing_value_share=share), 400)
        missing = np.mean([row["alt"] is None for row in few])
        assert missing == pytest.approx(share, abs=0.06)
        assert all(row["age"] is not None for row in few)


def test_the_share_of_missing_values_moves_nothing_else(cohort: list[Row]) -> None:
    complete = rows(PhantomParams(missing_value_share=0), 600)
    for with_gaps, without in zip(cohort, complete, strict=True):
        assert all(with_gaps[n] in (None, without[n]) for n in without)


def test_one_marker_is_missing_too_often_to_keep(cohort: list[Row]) -> None:
    assert 0.2 < np.mean([row["pivka_ii"] is None for row in cohort]) < 0.45


@pytest.mark.parametrize(
    ("bilirubin", "albumin", "inr", "ascites", "points"),
    [(20, 40, 1.0, 0, 5), (34, 40, 1.0, 0, 6), (60, 27, 2.4, 1, 12)],
)
def test_child_pugh_counts_as_published(
    bilirubin: float, albumin: float, inr: float, ascites: int, points: int
) -> None:
    known = {"bilirubin": bilirubin, "albumin": albumin, "inr": inr}
    assert child_pugh_points(known, ascites=bool(ascites)) == points


def test_outcome_columns_agree_with_one_another(cohort: list[Row]) -> None:
    for row in cohort:
        assert row["recurrence_days"] == row["rfs_days"] >= 1
        assert row["rfs_event"] == (row["recurrence_cause"] > 0)
        assert row["os_days"] >= row["rfs_days"]
        if row["recurrence_cause"] == 2:
            assert row["death"] == 1
            assert row["os_days"] == row["rfs_days"]


def test_death_without_recurrence_competes_in_a_plausible_share(cohort: list[Row]) -> None:
    causes = np.bincount([row["recurrence_cause"] for row in cohort], minlength=3) / len(cohort)
    assert 0.03 < causes[2] < 0.25
    assert 0.3 < causes[1] < 0.7


def test_few_patients_are_censored_before_the_horizon(cohort: list[Row]) -> None:
    early = [row["rfs_event"] == 0 and row["rfs_days"] < 24 * 30.4375 for row in cohort]
    assert np.mean(early) < 0.06


def test_the_follow_up_column_leaks_the_outcome(cohort: list[Row]) -> None:
    worse = [r for r in cohort if r["response_3_months"] == "progression"]
    better = [r for r in cohort if r["response_3_months"] == "control"]
    recurred = [np.mean([r["recurrence_cause"] == 1 for r in part]) for part in (worse, better)]
    assert recurred[0] > recurred[1] + 0.3


def test_without_clinical_effect_the_blood_knows_nothing() -> None:
    params = PhantomParams(effect=0, clinical_effect=0, missing_value_share=0)
    many = rows(params, 1500)
    event = np.array([row["rfs_event"] for row in many])
    for name in ("afp", "albumin", "age", "bilirubin"):
        values = np.log(column(many, name))
        assert abs(np.corrcoef(values, event)[0, 1]) < 0.09  # 3.5 SE at n = 1500


def test_patients_are_spread_evenly_over_small_cohorts() -> None:
    for centres in (2, 3, 5):
        sites = np.bincount([int(spread(i) * centres) for i in range(1, 21)], minlength=centres)
        assert sites.min() >= 20 // centres - 2
