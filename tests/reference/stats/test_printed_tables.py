# SPDX-License-Identifier: Apache-2.0
"""Printed tables of five published studies, computed again from their own counts."""

from __future__ import annotations

import pytest

from hepacast.stats.precision import cases_for_auc_width
from hepacast.stats.proportions import chi_square, exact_proportion, fisher_exact
from hepacast.stats.reported import Reported, check_reported_metrics
from hepacast.stats.reported_lines import (
    check_reported_difference,
    check_reported_ratio,
    check_reported_share,
)


@pytest.mark.parametrize(
    ("training", "testing", "printed"),
    [
        (264, 111, 0.5274),
        (205, 87, 0.8761),
        (24, 7, 0.4494),
        (8, 7, 0.2588),
        (29, 17, 0.3738),
        (36, 9, 0.1598),
        (64, 33, 0.4168),
    ],
)
def test_huang_2022_table_1_is_chi_square_with_yates(
    training: int, testing: int, printed: float
) -> None:
    counts = [[training, 289 - training], [testing, 125 - testing]]
    assert chi_square(counts, yates=True).p == pytest.approx(printed, abs=5e-5)


@pytest.mark.parametrize(
    ("counts", "printed"),
    [
        ([[244, 101], [45, 24]], 0.3630),
        ([[35, 11], [3, 1], [251, 113]], 0.5954),
        ([[283, 120], [4, 4], [2, 1]], 0.4639),
        ([[12, 3], [162, 70], [115, 52]], 0.6669),
    ],
)
def test_huang_2022_also_prints_plain_chi_square(counts: list[list[int]], printed: float) -> None:
    assert chi_square(counts).p == pytest.approx(printed, abs=5e-5)


@pytest.mark.parametrize(
    ("development", "validation", "printed"),
    [
        (146, 25, 0.293),
        (19, 6, 0.100),
        (53, 8, 0.925),
        (107, 18, 0.627),
        (65, 11, 0.746),
        (71, 16, 0.077),
        (147, 23, 0.952),
        (150, 25, 0.423),
        (127, 22, 0.381),
        (154, 23, 0.637),
        (163, 28, 0.090),
    ],
)
def test_wang_2022_table_1_needs_28_validation_patients(
    development: int, validation: int, printed: float
) -> None:
    """The head of its column says 20; every P value is that of 28."""
    counts = [[development, 180 - development], [validation, 28 - validation]]
    assert chi_square(counts).p == pytest.approx(printed, abs=5e-4)


def test_wang_2022_child_grade_says_fisher_and_prints_chi_square() -> None:
    counts = [[176, 27], [4, 1]]
    assert fisher_exact(counts).p == pytest.approx(0.517, abs=2e-3)
    assert chi_square(counts).p == pytest.approx(0.665, abs=5e-4)


@pytest.mark.parametrize(
    ("training", "validation", "printed"),
    [(197, 83, 0.498), (153, 63, 0.891), (10, 3, 0.636), (99, 42, 0.763)],
)
def test_fu_2021_table_1_is_plain_chi_square(
    training: int, validation: int, printed: float
) -> None:
    counts = [[training, 236 - training], [validation, 96 - validation]]
    assert chi_square(counts).p == pytest.approx(printed, abs=5e-4)


@pytest.mark.parametrize(
    ("first", "second", "third", "printed"),
    [
        (13, 8, 5, 0.625),
        (61, 25, 15, 0.055),
        (28, 17, 12, 0.424),
        (123, 54, 50, 0.769),
        (68, 30, 21, 0.202),
        (15, 7, 10, 0.486),
        (143, 60, 61, 0.774),
        (17, 10, 7, 0.663),
        (90, 31, 29, 0.087),
        (101, 48, 43, 0.615),
        (29, 12, 7, 0.319),
        (79, 33, 41, 0.242),
        (30, 13, 18, 0.386),
        (100, 36, 48, 0.072),
    ],
)
def test_li_2025_table_1_is_chi_square_of_three_cohorts(
    first: int, second: int, third: int, printed: float
) -> None:
    counts = [[first, 155 - first], [second, 67 - second], [third, 66 - third]]
    assert chi_square(counts).p == pytest.approx(printed, abs=5e-4)


def test_li_2025_rare_alt_is_fishers_test_of_a_3_by_2_table() -> None:
    assert fisher_exact([[152, 3], [63, 4], [64, 2]]).p == pytest.approx(0.314, abs=5e-4)


DLRCR_TRAINING = Reported(
    n=132,
    events=78,
    sensitivity=0.889,
    specificity=0.882,
    accuracy=0.886,
    auc=0.917,
    auc_low=0.963,
    auc_high=0.972,
    label="DLRCR",
)


def test_the_table_of_the_mri_study_prints_predictive_values_as_rates() -> None:
    findings = check_reported_metrics([DLRCR_TRAINING])
    problems = {finding.problem for finding in findings}
    assert {"impossible rate", "labels exchanged", "interval excludes estimate"} <= problems
    (exchanged,) = (one for one in findings if one.problem == "labels exchanged")
    assert exchanged.reading == (
        "sensitivity and specificity are PPV and NPV (true sensitivity 0.923, specificity 0.833)"
    )
    (outside,) = (one for one in findings if one.problem == "interval excludes estimate")
    assert outside.reading == "the lower limit is about 0.862"
    assert exact_proportion(72, 78).estimate == pytest.approx(0.923, abs=5e-4)


@pytest.mark.parametrize(
    ("n", "events", "sensitivity", "specificity", "accuracy", "true"),
    [
        (33, 18, 0.800, 0.846, 0.818, "true sensitivity 0.889, specificity 0.733"),
        (132, 78, 0.861, 0.733, 0.803, "true sensitivity 0.795, specificity 0.815"),
        (33, 18, 0.824, 0.750, 0.788, "true sensitivity 0.778, specificity 0.800"),
    ],
)
def test_the_other_deep_rows_of_that_table_too(
    n: int, events: int, sensitivity: float, specificity: float, accuracy: float, true: str
) -> None:
    row = Reported(
        n=n, events=events, sensitivity=sensitivity, specificity=specificity, accuracy=accuracy
    )
    assert true in check_reported_metrics([row])[-1].reading


def test_its_radiomics_row_is_consistent() -> None:
    row = Reported(
        n=132,
        events=78,
        sensitivity=0.885,
        specificity=0.630,
        accuracy=0.780,
        auc=0.839,
        auc_low=0.772,
        auc_high=0.906,
    )
    assert check_reported_metrics([row]) == ()


@pytest.mark.parametrize(
    ("n", "events", "accuracy", "npv", "ppv"),
    [
        (155, 93, 0.690, 0.581, 0.763),
        (155, 93, 0.774, 0.806, 0.753),
        (155, 93, 0.832, 0.774, 0.871),
        (155, 93, 0.916, 0.871, 0.946),
        (155, 93, 0.948, 0.903, 0.978),
        (67, 41, 0.612, 0.654, 0.585),
        (67, 41, 0.716, 0.692, 0.732),
        (67, 41, 0.851, 0.769, 0.902),
    ],
)
def test_the_predictive_values_of_the_ablation_study_are_rates(
    n: int, events: int, accuracy: float, npv: float, ppv: float
) -> None:
    findings = check_reported_metrics(
        [Reported(n=n, events=events, accuracy=accuracy, npv=npv, ppv=ppv)]
    )
    assert findings[-1].problem == "labels exchanged"
    assert findings[-1].reading.startswith("PPV and NPV are sensitivity and specificity")


def test_a_row_that_could_be_true_is_judged_by_its_neighbours() -> None:
    rows = [
        Reported(n=155, events=93, accuracy=accuracy, npv=npv, ppv=ppv, label=label)
        for label, accuracy, npv, ppv in (
            ("Rad", 0.774, 0.806, 0.753),
            ("DLR", 0.832, 0.774, 0.871),
            ("CDL", 0.884, 0.855, 0.903),
        )
    ]
    assert check_reported_metrics(rows[2:]) == ()
    assert check_reported_metrics([rows[0], rows[2]])[-1].label == "Rad"
    last = check_reported_metrics(rows)[-1]
    assert (last.label, last.problem) == ("CDL", "labels exchanged")
    assert "true sensitivity 0.903, specificity 0.855" in last.reading


def test_the_count_of_ca19_9_has_a_digit_too_many() -> None:
    (finding,) = check_reported_share(295, 289, 10.0, label="CA19-9")
    assert finding.reading == "the count is 29"
    assert check_reported_share(29, 289, 10.0) == ()


@pytest.mark.parametrize("events", range(30, 200, 10))
def test_two_aucs_so_far_apart_cannot_fail_to_differ(events: int) -> None:
    assert check_reported_difference(0.819, 0.580, 289, events, 0.05)


def test_intervals_of_the_segmentation_study_fit_fewer_patients_than_printed() -> None:
    """Development cohort of 180, of whom 60 had trained the network: the intervals fit 120."""
    assert cases_for_auc_width(0.740, 0.6, 0.816 - 0.652) == pytest.approx(130, abs=25)


@pytest.mark.parametrize(
    ("ratio", "low", "high", "p"), [(2.490, 1.140, 5.440, 0.020), (2.510, 1.080, 5.820, 0.030)]
)
def test_odds_ratios_of_the_mri_study_agree_with_their_intervals(
    ratio: float, low: float, high: float, p: float
) -> None:
    assert check_reported_ratio(ratio, low, high, p) == ()


def test_a_ratio_off_the_middle_of_its_interval_is_flagged() -> None:
    (finding,) = check_reported_ratio(3.9, 1.14, 5.44)
    assert finding.problem == "interval fits no method"
    assert finding.reading == "the ratio is about 2.49"
    assert check_reported_ratio(6.0, 1.14, 5.44)[0].problem == "ratio outside its interval"


def test_an_interval_of_no_method_and_one_of_another_size_are_flagged() -> None:
    crooked = Reported(n=100, events=40, auc=0.80, auc_low=0.70, auc_high=0.84)
    assert "interval fits no method" in {f.problem for f in check_reported_metrics([crooked])}
    logit = Reported(n=100, events=40, auc=0.80, auc_low=0.695, auc_high=0.875)
    assert check_reported_metrics([logit]) == ()
    narrow = Reported(n=66, events=40, auc=0.712, auc_low=0.686, auc_high=0.738, label="Cli")
    (finding,) = check_reported_metrics([narrow])
    assert finding.problem == "interval fits another sample size"
    assert finding.sentence().startswith("Cli: AUC 0.712 (0.686-0.738) is 0.2 times as wide")


def test_rates_of_no_table_at_all_are_impossible_together() -> None:
    row = Reported(n=33, events=18, sensitivity=0.889, specificity=0.733, accuracy=0.515)
    (finding,) = check_reported_metrics([row])
    assert (finding.problem, finding.reading) == ("impossible together", "")
