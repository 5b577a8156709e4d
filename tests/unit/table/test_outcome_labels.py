# SPDX-License-Identifier: Apache-2.0
"""From columns to outcomes: who had the event, who had not, and of whom it is not known."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from hepacast.core.errors import HepacastError, NotEstimableError, StudyError, TableError
from hepacast.core.outcome import Binary, CompetingRisks, Survival
from hepacast.core.text import TextTable
from hepacast.table.clinical import ClinicalTable, read_clinical
from hepacast.table.fields import parse_dictionary
from hepacast.table.outcomes import LabelledCases, OutcomeParams, label_cases

Row = tuple[str | None, str | None]
EVENT = {"kind": "event", "timing": "outcome"}
SURVIVAL: dict[str, object] = {
    "kind": "survival",
    "time": "t",
    "unit": "months",
    "event": "e",
    "event_level": "1",
    "censored_level": "0",
}
WITHIN: dict[str, object] = {
    "kind": "binary",
    "event": "e",
    "event_level": "1",
    "other_levels": ["0"],
    "competing_levels": ["2"],
    "within_months": 24,
    "time": "t",
    "unit": "months",
}
PLAIN: dict[str, object] = {
    "kind": "binary",
    "event": "e",
    "event_level": "1",
    "other_levels": ["0"],
}


def clinical(rows: list[Row], unit: str = "months", event: object = EVENT) -> ClinicalTable:
    ids = tuple(f"p{at}" for at in range(len(rows)))
    time, seen = zip(*rows, strict=True)
    text = TextTable({"id": ids, "t": time, "e": seen}, "clinical.csv", "")
    fields = {"t": {"kind": "time", "unit": unit, "timing": "outcome"}, "e": event}
    return read_clinical(text, "id", parse_dictionary(fields, source="fields.yaml"))


def label(
    block: dict[str, object],
    rows: list[Row],
    unit: str = "months",
    event: object = EVENT,
) -> LabelledCases:
    params = TypeAdapter(OutcomeParams).validate_python(block)
    return label_cases("er", params, clinical(rows, unit, event))


@pytest.mark.parametrize(
    ("time", "cell", "happened"),
    [
        ("3", "1", True),
        ("24", "1", True),
        ("24.1", "1", False),
        ("30", "1", False),
        ("24", "0", False),
        ("30", "0", False),
        ("3", "2", False),
        ("30", "2", False),
        ("0", "1", True),
        ("23.9", "0", None),
        (None, "1", None),
        ("30", None, None),
    ],
)
def test_the_label_within_24_months(
    time: str | None,
    cell: str | None,
    happened: bool | None,  # noqa: FBT001 - a column of the table above
) -> None:
    found = label(WITHIN, [("1", "1"), ("40", "0"), (time, cell)])
    assert isinstance(found.outcome, Binary)
    if happened is None:
        assert "p2" not in found.cases
        assert [one.cases for one in found.excluded] == [("p2",)]
    else:
        assert found.outcome.event.tolist() == [True, False, happened]


def test_every_exclusion_has_its_reason_and_nobody_is_lost() -> None:
    rows: list[Row] = [
        ("1", "1"), ("40", "0"), ("5", "0"), (None, "1"), ("5", "NA"), ("3", "2"),
    ]  # fmt: skip
    found = label(WITHIN, rows)
    assert [(one.reason, one.cases) for one in found.excluded] == [
        ("time or event not recorded", ("p3", "p4")),
        ("censored before 24 months", ("p2",)),
    ]
    assert found.cases == ("p0", "p1", "p5")


def test_an_event_without_a_time_is_plainly_recorded_or_not() -> None:
    found = label(PLAIN, [(None, "1"), (None, "0"), (None, None)])
    assert isinstance(found.outcome, Binary)
    assert (found.cases, found.outcome.event.tolist()) == (("p0", "p1"), [True, False])
    assert found.excluded[0].reason == "event not recorded"


@pytest.mark.parametrize(
    ("unit", "days"),
    [("days", 10.0), ("weeks", 70.0), ("months", 304.375), ("years", 3652.5)],
)
def test_ten_units_are_so_many_days(unit: str, days: float) -> None:
    found = label({**SURVIVAL, "unit": unit}, [("10", "1"), ("10", "0")], unit)
    assert isinstance(found.outcome, Survival)
    assert found.outcome.time_days.tolist() == pytest.approx([days, days])
    assert found.outcome.event.tolist() == [True, False]


def test_the_first_of_several_events_keeps_its_cause() -> None:
    block = {**SURVIVAL, "kind": "competing", "competing_levels": ["2", "3"]}
    found = label(block, [("1", "1"), ("2", "0"), ("3", "2"), ("4", "3")])
    assert isinstance(found.outcome, CompetingRisks)
    assert found.outcome.cause.tolist() == [1, 0, 2, 2]


def test_a_unit_that_the_dictionary_contradicts_is_refused() -> None:
    with pytest.raises(StudyError, match="got 'weeks' and 'months'"):
        label({**SURVIVAL, "unit": "weeks"}, [("1", "1"), ("2", "0")])


@pytest.mark.parametrize("block", [SURVIVAL, WITHIN, PLAIN])
def test_a_level_that_nobody_declared_is_named(block: dict[str, object]) -> None:
    with pytest.raises(TableError, match=r"got '9' in row 3") as caught:
        label(block, [("30", "1"), ("30", "9")])
    assert caught.value.where == {"file": "clinical.csv", "case": "p1", "outcome": "er"}


@pytest.mark.parametrize(
    "block",
    [
        {**SURVIVAL, "censored_level": "1"},
        {**WITHIN, "other_levels": ["0", "1"]},
        {**WITHIN, "competing_levels": ["1"]},
        {**WITHIN, "competing_levels": ["0"]},
        {**SURVIVAL, "kind": "competing", "competing_levels": ["0"]},
    ],
)
def test_a_level_with_two_meanings_is_refused(block: dict[str, object]) -> None:
    with pytest.raises(StudyError, match="one cell cannot mean both"):
        label(block, [("30", "1"), ("30", "0")])


def test_a_reversed_event_level_leaves_cells_without_a_meaning() -> None:
    """1 for alive and 2 for dead, declared as if it were 0 and 1."""
    with pytest.raises(TableError, match="must hold one of 0, 1; got '2' in row 3"):
        label(SURVIVAL, [("30", "1"), ("30", "2")])


def test_a_negative_time_is_named() -> None:
    with pytest.raises(TableError, match=r"got -3 months in row 3 \(1 rows in all\)"):
        label(SURVIVAL, [("3", "1"), ("-3", "0")])


@pytest.mark.parametrize(
    ("block", "rows", "said"),
    [
        (PLAIN, [(None, "1"), (None, "1")], "2 events among 2 cases"),
        (PLAIN, [(None, "0"), (None, "0")], "0 events among 2 cases"),
        (PLAIN, [(None, None)], "0 events among 0 cases"),
        (SURVIVAL, [("3", "0"), ("4", "0")], "0 events among 2 cases"),
        (WITHIN, [("3", "0"), ("4", "0")], "0 events among 0 cases"),
        (WITHIN, [("30", "1"), ("40", "0")], "0 events among 2 cases"),
    ],
)
def test_an_outcome_of_one_class_is_refused(
    block: dict[str, object], rows: list[Row], said: str
) -> None:
    with pytest.raises(NotEstimableError, match=said):
        label(block, rows)


def test_survival_may_be_without_censoring() -> None:
    assert label(SURVIVAL, [("3", "1"), ("4", "1")]).outcome.event.all()


@pytest.mark.parametrize("event", [{"kind": "flag", "timing": "baseline"}])
def test_a_baseline_column_is_no_outcome(event: object) -> None:
    with pytest.raises(StudyError, match="timing: outcome; got timing: baseline"):
        label(SURVIVAL, [("3", "1"), ("4", "0")], event=event)


@pytest.mark.parametrize("column", ["time", "event"])
def test_an_outcome_that_the_dictionary_does_not_know_is_refused(column: str) -> None:
    with pytest.raises(StudyError, match=f"the {column} column 'zz' must be in the dictionary"):
        label({**SURVIVAL, column: "zz"}, [("3", "1"), ("4", "0")])


def test_blanks_and_declared_spellings_of_a_level_are_mended() -> None:
    event = {**EVENT, "rename": {"dead": "1"}, "missing": ["?"]}
    found = label(SURVIVAL, [("3", " 1 "), ("4", "dead"), ("5", "?"), ("6", "0")], event=event)
    assert found.outcome.event.tolist() == [True, True, False]


@pytest.mark.parametrize(
    "change",
    [
        {"unit": "fortnights"},
        {"event_level": 1},
        {"horizon_months": 0},
        {"horizon_months": -3},
        {"censored_early": "exclude"},
        {"kind": "surviving"},
    ],
)
def test_a_survival_block_is_closed_and_typed(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(OutcomeParams).validate_python({**SURVIVAL, **change})


@pytest.mark.parametrize("lacking", ["within_months", "time", "unit"])
def test_horizon_time_and_unit_go_together(lacking: str) -> None:
    block = {key: value for key, value in WITHIN.items() if key != lacking}
    with pytest.raises(ValidationError, match="all three or none"):
        TypeAdapter(OutcomeParams).validate_python(block)


def test_under_weights_the_censored_stay_and_follow_up_ends_at_the_horizon() -> None:
    rows: list[Row] = [("10", "0"), ("12", "1"), ("24", "0"), ("24", "1"), ("40", "1"), ("60", "0")]
    found = label({**WITHIN, "censored_early": "ipcw"}, rows)
    horizon = 24 * 365.25 / 12
    assert isinstance(found.outcome, Survival)
    assert (len(found.cases), found.excluded) == (6, ())
    assert found.outcome.horizon_days == pytest.approx(horizon)
    assert found.outcome.event.tolist() == [False, True, False, True, False, False]
    # Followed to the horizon without the event: known to be free of it.
    beyond = found.outcome.time_days > found.outcome.horizon_days
    assert beyond.tolist() == [False, False, True, False, True, True]
    assert found.outcome.take(np.array([1, 2])).horizon_days == found.outcome.horizon_days


def test_under_weights_a_competing_event_is_kept_as_one() -> None:
    rows: list[Row] = [("10", "0"), ("12", "1"), ("20", "2"), ("40", "2"), ("60", "0")]
    found = label({**WITHIN, "censored_early": "ipcw"}, rows)
    assert isinstance(found.outcome, CompetingRisks)
    assert found.outcome.cause.tolist() == [0, 1, 2, 0, 0]
    assert found.outcome.take(np.array([1])).horizon_days == found.outcome.horizon_days


def test_weights_for_early_censoring_need_a_horizon() -> None:
    with pytest.raises(ValidationError, match="ipcw needs within_months"):
        TypeAdapter(OutcomeParams).validate_python({**PLAIN, "censored_early": "ipcw"})


def test_every_row_is_kept_or_excluded_exactly_once() -> None:
    rng = np.random.default_rng(3)
    times = [None if t < 3 else str(t) for t in rng.integers(0, 60, 200)]
    cells = [[None, "0", "1", "2"][at] for at in rng.integers(0, 4, 200)]
    found = label(WITHIN, list(zip(times, cells, strict=True)))
    out = [case for one in found.excluded for case in one.cases]
    assert sorted([*found.cases, *out]) == sorted(f"p{at}" for at in range(200))
    assert len(found.cases) == len(found.outcome)


def test_all_errors_of_this_room_can_be_caught_as_one() -> None:
    with pytest.raises(HepacastError):
        label(SURVIVAL, [("x", "1")])
