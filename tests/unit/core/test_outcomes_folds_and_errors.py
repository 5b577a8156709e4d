# SPDX-License-Identifier: Apache-2.0
"""Outcomes, folds, registries, errors, and the names of results."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from pydantic import TypeAdapter

from hepacast.core import errors
from hepacast.core.errors import GeometryError, HepacastError, LeakError, StudyError, TableError
from hepacast.core.folds import Cohort, Fitted, Fold, Train, keep_columns
from hepacast.core.geometry import Grid
from hepacast.core.outcome import Binary, CompetingRisks, Outcome, Survival
from hepacast.core.params import Params
from hepacast.core.provenance import canonical_json, content_key, digest_array, generator
from hepacast.core.registry import Registry, kind_of
from hepacast.core.table import FeatureName, FeatureTable

if TYPE_CHECKING:
    from collections.abc import Callable

X, Y = map(FeatureName.clinical, "xy")
YES, NO = True, False
KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, HepacastError)
]


def lesions() -> Cohort:
    """Two lesions of patient a, one each of b and c."""
    values = np.arange(8, dtype=float).reshape(4, 2)
    table = FeatureTable(values, ("a1", "b1", "a2", "c1"), (X, Y), ("a", "b", "a", "c"))
    return Cohort(table, Binary(np.array([YES, NO, YES, NO])), ("n", "s", "n", "s"))


class Mean(Fitted):
    """Subtract the training mean."""

    def __init__(self, train: Train) -> None:
        super().__init__(train)
        self.mean = train.table.values.mean(axis=0)

    def _apply(self, table: FeatureTable) -> FeatureTable:
        return table.with_values(table.values - self.mean)


def survival(time: list[float]) -> Survival:
    return Survival(np.array(time), np.ones(len(time), dtype=bool))


def competing(time: list[float]) -> CompetingRisks:
    return CompetingRisks(np.array(time), np.ones(len(time), dtype=np.int64))


@pytest.mark.parametrize("make", [survival, competing])
@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf")])
def test_a_time_that_is_no_time_is_refused(
    make: Callable[[list[float]], Outcome], wrong: float
) -> None:
    with pytest.raises(TableError, match=rf"{wrong} days in row 1 \(1 rows in all\)"):
        make([3.0, wrong])


@pytest.mark.parametrize("make", [survival, competing])
def test_day_zero_is_a_real_time(make: Callable[[list[float]], Outcome]) -> None:
    assert len(make([0.0, 1.0])) == 2


def test_arrays_of_unequal_length_are_no_outcome() -> None:
    with pytest.raises(TableError, match="one length"):
        Survival(np.array([1.0, 2.0]), np.array([True]))


def test_only_cause_one_is_the_event_of_interest() -> None:
    outcome = CompetingRisks(np.ones(3), np.array([0, 1, 2]))
    assert outcome.event.tolist() == [False, True, False]
    assert outcome.strata.tolist() == [0, 1, 2]
    assert outcome.take(np.array([2, 1])).cause.tolist() == [2, 1]


@pytest.mark.parametrize("outcome", [survival([1.0]), competing([1.0]), Binary(np.array([True]))])
def test_an_outcome_is_read_only(outcome: Outcome) -> None:
    array = outcome.cause if isinstance(outcome, CompetingRisks) else outcome.event
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 0


def test_a_cohort_whose_parts_differ_in_length_is_refused() -> None:
    table = lesions().table
    with pytest.raises(TableError, match="rows, outcomes, sites: 4, 1, 4"):
        Cohort(table, Binary(np.array([True])))


def test_other_features_must_be_of_the_same_cases() -> None:
    cohort = lesions()
    with pytest.raises(TableError, match="same order"):
        cohort.with_table(cohort.table.rows(["b1", "a1", "a2", "c1"]))


def test_a_fold_divides_patients_not_cases() -> None:
    fold = Fold(frozenset("a"), frozenset("bc"))
    train, test = fold.train(lesions()), fold.test(lesions())
    assert (train.table.cases, test.cases) == (("a1", "a2"), ("b1", "c1"))
    assert (train.outcome.event.tolist(), train.sites) == ([True, True], ("n", "n"))


def test_what_is_scored_carries_no_outcome() -> None:
    assert isinstance(Fold(frozenset("a"), frozenset("bc")).test(lesions()), FeatureTable)


def test_a_patient_on_both_sides_is_a_leak() -> None:
    with pytest.raises(LeakError, match="1 on both sides of fold 3, the first is 'b'"):
        Fold(frozenset("ab"), frozenset("bc"), "fold 3")


def test_what_learned_from_a_patient_does_not_score_another_lesion_of_it() -> None:
    cohort = lesions()
    mean = Mean(Fold(frozenset("a"), frozenset("bc")).train(cohort))
    assert mean.apply(cohort.of_patients("bc").table).values.tolist() == [[0.0, 0.0], [4.0, 4.0]]
    other = FeatureTable(np.zeros((1, 2)), ("a3",), (X, Y), ("a",))
    with pytest.raises(LeakError, match="1 seen in training, the first is 'a'"):
        mean.apply(other)


def test_apparent_output_stays_training_cases() -> None:
    train = Fold(frozenset("a"), frozenset("bc")).train(lesions())
    assert Mean(train).apparent(train).table.values.tolist() == [[-2.0, -2.0], [2.0, 2.0]]
    assert keep_columns(train, [Y]).table.columns == (Y,)


class Half(Params):
    """Settings of one part."""

    kind: Literal["half"] = "half"
    share: float = 0.5


class Whole(Params):
    """Settings of another part."""

    kind: Literal["whole"] = "whole"


def parts() -> Registry[str]:
    registry: Registry[str] = Registry("parts")
    registry.register(Half)("a half")
    registry.register(Whole)("all of it")
    return registry


@pytest.mark.parametrize(
    "block",
    ["half", {"kind": "half"}, {"half": None}, {"half": {}}, {"half": {"share": 0.5}}, Half()],
)
def test_every_short_form_means_the_same_block(block: object) -> None:
    assert parts().parse(block) == Half()


def test_a_block_finds_its_part() -> None:
    registry = parts()
    assert registry[registry.parse("whole")] == "all of it"
    assert list(registry) == ["half", "whole"]
    assert registry.settings("half") is Half
    assert kind_of(Half()) == "half"


@pytest.mark.parametrize(
    "block",
    [
        "quarter",
        {"kind": "quarter"},
        {"quarter": {}},
        {"half": {"shar": 1}},
        {"half": 3},
        [],
        7,
        None,
    ],
)
def test_a_block_that_no_part_obeys_is_answered_with_those_there_are(block: object) -> None:
    with pytest.raises(StudyError, match=r"parts block is not valid.*known kinds are half, whole"):
        parts().parse(block)


def test_a_registry_of_one_part_parses_too() -> None:
    registry: Registry[str] = Registry("parts")
    registry.register(Half)("a half")
    assert registry.parse({"half": {"share": 0.1}}) == Half(share=0.1)
    with pytest.raises(StudyError, match="known kinds are half"):
        registry.parse("whole")


@pytest.mark.parametrize(
    ("block", "fits"),
    [
        ("half", True),
        ({"kind": "half"}, True),
        ({"half": None}, True),
        ({"half": {"share": 0.5}}, True),
        ("quarter", False),
        ({"half": {"shar": 0.5}}, False),
        ({"half": {}, "whole": {}}, False),
    ],
)
def test_the_json_schema_knows_every_short_form(block: object, fits: bool) -> None:  # noqa: FBT001
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = TypeAdapter(parts().spellings()).json_schema()
    assert jsonschema.Draft202012Validator(schema).is_valid(block) is fits


def test_two_parts_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="already has a part called 'half'"):
        parts().register(Half)("another half")


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_the_way_between_processes(kind: type[HepacastError]) -> None:
    error = kind(what="rule", got="value", fix="Way out.").at(case="007", phase="portal")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made just now
    assert type(again) is kind
    assert str(again) == "[case 007 > phase portal] rule; got value. Way out."


def test_places_are_collected_from_the_outside_in() -> None:
    error = GeometryError(what="rule", got="value", fix="Way out.").at(file="a.nii", row=3)
    assert list(error.at(case="007").where) == ["case", "file", "row"]


def test_the_inner_place_wins_over_an_outer_one_of_the_same_kind() -> None:
    error = GeometryError(what="rule", got="value", fix="Way out.").at(file="mask.nii")
    assert error.at(file="cases.csv").where == {"file": "mask.nii"}


def test_random_numbers_belong_to_their_item_not_to_its_turn() -> None:
    keys = [("fold", 1), ("fold", 2), ("fold", 12), ("fold", "1"), ("fold", 1, 2)]
    forward = [generator(7, *key).random() for key in keys]
    backward = [generator(7, *key).random() for key in reversed(keys)]
    assert forward == backward[::-1]
    assert len(set(forward)) == len(keys)
    assert generator(8, "fold", 1).random() != forward[0]


def test_a_content_key_changes_with_everything_that_changes_numbers() -> None:
    keys = {
        content_key("glcm", 1, {"bins": 25}, {"image": "a"}),
        content_key("glrlm", 1, {"bins": 25}, {"image": "a"}),
        content_key("glcm", 2, {"bins": 25}, {"image": "a"}),
        content_key("glcm", 1, {"bins": 26}, {"image": "a"}),
        content_key("glcm", 1, {"bins": 25}, {"image": "b"}),
        content_key("glcm", 1, {"bins": 25}, {"mask": "a"}),
    }
    assert len(keys) == 6


def test_a_content_key_does_not_hang_on_the_order_of_settings() -> None:
    one = content_key("glcm", 1, {"a": 1, "b": 2}, {"image": "x", "mask": "y"})
    assert one == content_key("glcm", 1, {"b": 2, "a": 1}, {"mask": "y", "image": "x"})


def test_canonical_json_refuses_what_json_cannot_say() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"limit": float("nan")})


def test_an_array_is_named_by_values_type_shape_and_grid_not_by_its_memory() -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    name = digest_array(array)
    assert digest_array(np.asfortranarray(array)) == name
    others = {
        digest_array(array.astype(np.float64)),
        digest_array(array.reshape(3, 2, 4)),
        digest_array(array + 1),
        digest_array(array, Grid((2, 3, 4), (1.0, 1.0, 1.0))),
        digest_array(array, Grid((2, 3, 4), (1.0, 1.0, 2.0))),
    }
    assert len(others | {name}) == 6
