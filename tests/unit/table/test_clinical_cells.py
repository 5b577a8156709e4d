# SPDX-License-Identifier: Apache-2.0
"""From text cells to typed variables: the dictionary decides, nobody guesses."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.errors import StudyError, TableError
from hepacast.core.events import Event, Noticed
from hepacast.core.text import TextTable
from hepacast.table.clinical import ClinicalTable, choose_predictors, read_clinical
from hepacast.table.fields import parse_dictionary

AGE: dict[str, object] = {"kind": "number", "unit": "years", "timing": "baseline"}
BCLC: dict[str, object] = {"kind": "category", "levels": ["A", "B", "C"], "timing": "baseline"}
CIRRHOSIS: dict[str, object] = {
    "kind": "flag",
    "true": ["yes", "Y"],
    "false": "no",
    "timing": "baseline",
}
nan = float("nan")


def read(
    field: dict[str, object], *cells: str | None, heard: list[Event] | None = None
) -> ClinicalTable:
    ids = tuple(f"p{at}" for at in range(len(cells)))
    text = TextTable({"id": ids, "x": cells}, "clinical.csv", "")
    fields = parse_dictionary({"x": field}, source="fields.yaml")
    return read_clinical(text, "id", fields, on_event=(heard if heard is not None else []).append)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"kind": "number", "unit": "a"}, "x.timing"),
        ({"timing": "baseline"}, "x.kind"),
        ({**AGE, "unit": None}, "needs its unit"),
        ({"kind": "time", "timing": "outcome"}, "needs its unit"),
        ({**BCLC, "levels": ["A"]}, "needs its levels"),
        ({**BCLC, "levels": ["A", "B", "A"]}, "'A' twice"),
        ({**BCLC, "levels": [1, 2]}, "x.levels.0"),
        ({**CIRRHOSIS, "false": ["no", "Y"]}, "'Y' means both"),
        ({**AGE, "low": 10, "high": 1}, "low"),
        ({**AGE, "timing": "before"}, "x.timing"),
        ({**AGE, "unitt": "years"}, "x.unitt"),
        ({**AGE, "kind": "integer"}, "x.kind"),
        ({**AGE, "kind": "event"}, "cannot be known at baseline"),
        ({**AGE, "kind": "time"}, "cannot be known at baseline"),
        ("number", "describe x"),
    ],
)
def test_a_description_that_is_none_is_refused(field: object, said: str) -> None:
    with pytest.raises(StudyError, match=said) as caught:
        parse_dictionary({"x": field}, source="fields.yaml")
    assert caught.value.where == {"file": "fields.yaml"}


@pytest.mark.parametrize("block", [None, [], "x", {1: AGE}])
def test_a_dictionary_that_is_no_mapping_is_refused(block: object) -> None:
    with pytest.raises(StudyError, match=r"fields.yaml"):
        parse_dictionary(block, source="fields.yaml")


@pytest.mark.parametrize(
    ("field", "cells", "numbers"),
    [
        (AGE, ("50", " 50.5 ", "1e2", "-3", "+.5", "007"), (50, 50.5, 100, -3, 0.5, 7)),
        (AGE, (None, "", "NA", "N/A", "NaN", "nan"), (nan,) * 6),
        ({**AGE, "missing": ["-999", "?"]}, ("-999", "?", "9"), (nan, nan, 9)),
        ({**AGE, "low": 18, "high": 99}, ("18", "99"), (18, 99)),
        ({**AGE, "censored": "limit"}, ("<20", "> 1210", "<=5", "7"), (20, 1210, 5, 7)),
        (BCLC, ("A", "C", " B ", None), (0, 2, 1, nan)),
        ({**BCLC, "levels": ["NA", "B"]}, ("NA", "B", "N/A"), (0, 1, nan)),
        ({**BCLC, "rename": {"a": "A"}}, ("a", "A"), (0, 0)),
        (CIRRHOSIS, ("yes", "Y", "no", "NA"), (1, 1, 0, nan)),
        ({"kind": "flag", "timing": "baseline"}, ("1", "0"), (1, 0)),
    ],
)
def test_cells_become_the_numbers_they_stand_for(
    field: dict[str, object], cells: tuple[str | None, ...], numbers: tuple[float, ...]
) -> None:
    np.testing.assert_array_equal(read(field, *cells).variables["x"].numbers, numbers)


@pytest.mark.parametrize(
    ("field", "cell", "said"),
    [
        (AGE, "about 50", "numbers in years"),
        (AGE, "1,5", "numbers in years"),
        (AGE, "0x10", "numbers in years"),
        (AGE, "inf", "numbers in years"),
        (AGE, "1e999", "numbers in years"),
        (AGE, "<20", "numbers in years"),
        ({**AGE, "censored": "limit"}, "<", "numbers in years"),
        ({**AGE, "censored": "limit"}, "<few", "numbers in years"),
        ({**AGE, "low": 18}, "17", "numbers in years from 18"),
        ({**AGE, "high": 99}, "100", "numbers in years to 99"),
        ({**AGE, "low": 18, "censored": "limit"}, "<5", "from 18"),
        (AGE, "-999", None),
        (BCLC, "D", "one of A, B, C"),
        (BCLC, "a", "one of A, B, C"),
        (CIRRHOSIS, "1", "one of yes, Y, no"),
    ],
)
def test_a_cell_that_breaks_its_description_is_named_with_case_and_row(
    field: dict[str, object], cell: str, said: str | None
) -> None:
    if said is None:
        assert read(field, cell).variables["x"].numbers.tolist() == [-999]
        return
    with pytest.raises(TableError, match=said) as caught:
        read(field, None, cell)
    assert caught.value.where == {"file": "clinical.csv", "case": "p1"}
    assert caught.value.got == f"{cell!r} in row 3"


def test_every_use_of_a_renamed_spelling_is_noticed() -> None:
    heard: list[Event] = []
    read({**BCLC, "rename": {"a": "A", "b": "B"}}, "a", "a", "C", heard=heard)
    assert heard == [Noticed("clinical.csv:x", "'a' read as 'A' in 2 rows")]


def test_every_limit_taken_for_its_number_is_noticed() -> None:
    heard: list[Event] = []
    read({**AGE, "censored": "limit"}, "5", "<20", heard=heard)
    assert heard == [Noticed("clinical.csv:x", "p1: '<20' read as 20")]


def test_a_column_that_nobody_described_is_noticed_and_left_out() -> None:
    heard: list[Event] = []
    text = TextTable({"id": ("1",), "x": ("5",), "weight": ("80",)}, "clinical.csv", "")
    fields = parse_dictionary({"x": AGE}, source="fields.yaml")
    assert list(read_clinical(text, "id", fields, on_event=heard.append).variables) == ["x"]
    assert heard == [Noticed("clinical.csv", "columns without a description are not used: weight")]


def test_of_very_many_columns_that_nobody_described_some_are_named_and_all_are_counted() -> None:
    heard: list[Event] = []
    cells = {"id": ("1",), "x": ("5",), **{f"rad{at}": ("1",) for at in range(1000)}}
    fields = parse_dictionary({"x": AGE}, source="fields.yaml")
    read_clinical(TextTable(cells, "c.csv", ""), "id", fields, on_event=heard.append)
    (notice,) = heard
    assert isinstance(notice, Noticed)
    assert notice.text.endswith("rad18, rad19 and 980 more")


def test_a_described_column_that_is_not_there_is_an_error() -> None:
    text = TextTable({"id": ("1",)}, "clinical.csv", "")
    with pytest.raises(TableError, match="must have a column 'x'"):
        read_clinical(text, "id", parse_dictionary({"x": AGE}, source="f"))


def test_a_category_becomes_one_column_per_level_but_the_reference() -> None:
    found = read(BCLC, "A", "B", "C", None).predictors(["x"])
    assert [str(name) for name in found.columns] == ["-/-/-/clinical/x=B", "-/-/-/clinical/x=C"]
    np.testing.assert_array_equal(found.values, [[0, 0], [1, 0], [0, 1], [nan, nan]])


def test_the_levels_come_from_the_dictionary_not_from_the_cases() -> None:
    one, other = read(BCLC, "A", "A").predictors(["x"]), read(BCLC, "C", "B").predictors(["x"])
    assert one.columns == other.columns


def test_a_level_with_a_slash_still_makes_a_name() -> None:
    found = read({**BCLC, "levels": ["0", "I/II"]}, "I/II").predictors(["x"])
    assert [name.feature for name in found.columns] == ["x=I|II"]


def test_no_predictors_make_a_table_without_columns() -> None:
    assert read(BCLC, "A", "B").predictors([]).values.shape == (2, 0)


def table_of_all_timings() -> ClinicalTable:
    headings = {
        "age": AGE,
        "stage": BCLC,
        "response": {"kind": "flag", "timing": "follow-up"},
        "os": {"kind": "time", "unit": "days", "timing": "outcome"},
        "death": {"kind": "event", "timing": "outcome"},
        "note": {"kind": "text", "timing": "baseline"},
    }
    cells = ("50", "A", "1", "3", "1", "free text")
    columns = {"id": ("1",), **{n: (cell,) for n, cell in zip(headings, cells, strict=True)}}
    fields = parse_dictionary(headings, source="fields.yaml")
    return read_clinical(TextTable(columns, "clinical.csv", ""), "id", fields)


def test_by_default_every_variable_known_at_baseline_predicts() -> None:
    assert choose_predictors(table_of_all_timings(), None) == ("age", "stage")


def test_predictors_come_in_the_order_asked_for() -> None:
    assert choose_predictors(table_of_all_timings(), ["stage", "age"]) == ("stage", "age")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("response", "known at baseline; got 'response', whose timing is 'follow-up'"),
        ("death", "known at baseline; got 'death', whose timing is 'outcome'"),
        ("os", "known at baseline; got 'os', whose timing is 'outcome'"),
        ("note", "a number, category or flag; got 'note' of kind 'text'"),
        ("Age", "described in the data dictionary; got 'Age'"),
    ],
)
def test_what_was_not_known_at_baseline_never_predicts(name: str, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        choose_predictors(table_of_all_timings(), ["age", name])


def test_a_predictor_asked_for_twice_is_refused() -> None:
    with pytest.raises(StudyError, match="'age' twice"):
        choose_predictors(table_of_all_timings(), ["age", "age"])
