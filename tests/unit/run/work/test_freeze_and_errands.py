# SPDX-License-Identifier: Apache-2.0
"""Values as text and arrays, work as files: bit for bit, and nothing that runs code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hepacast.core.folds import Cohort, Fold
from hepacast.core.outcome import Binary, Survival
from hepacast.core.provenance import generator
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.io.store import StoreError
from hepacast.models import MODELS
from hepacast.run.protocol.chain import Recipe
from hepacast.run.protocol.resample import Resample, resample
from hepacast.run.settings.study import ModelsParams, ScoreParams
from hepacast.run.work import errands
from hepacast.run.work.errands import Work, run_kept
from hepacast.run.work.execute import Executor, executor
from hepacast.run.work.freeze import Freezer, FrozenError, Part, thaw
from hepacast.select import STEPS

COLUMNS = tuple(map(FeatureName.clinical, ("signal", "noise", "age")))


def there_and_back(value: object) -> Any:
    kept: dict[str, Part] = {}
    text = Freezer(kept.__setitem__).freeze(value)
    again: dict[str, Part] = {}
    assert Freezer(again.__setitem__).freeze(value) == text
    assert again == kept
    return thaw(text, kept.__getitem__)


def draw(n: int = 40) -> Cohort:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(n, 3))
    event = values[:, 0] + rng.logistic(size=n) > 0
    cases = tuple(f"{at:03d}" for at in range(n))
    return Cohort(FeatureTable(values, cases, COLUMNS), Binary(event, "er"))


def tasks(n: int = 4) -> list[Resample]:
    cohort = draw()
    params = {"from": ["clinical"], "steps": ["zscore", "variance"], "model": "ridge"}
    recipe = Recipe(
        {"cli": ScoreParams.model_validate(params)},
        ModelsParams.model_validate({"sets": {"cli": ["cli"]}}),
        {"clinical": COLUMNS},
        3,
        7,
    )
    cases = cohort.table.cases
    folds = [Fold(frozenset(cases) - set(cases[at::n]), frozenset(cases[at::n])) for at in range(n)]
    return [Resample(cohort, recipe, fold, at, None) for at, fold in enumerate(folds)]


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.builds(FeatureName.clinical, st.sampled_from(["AFP", "age"]))
)


@given(
    st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=4).map(tuple)
            | st.dictionaries(st.text(max_size=4), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_plain_values_come_back_equal_and_of_the_same_type(value: object) -> None:
    found = there_and_back(value)
    assert found == value
    assert type(found) is type(value)


@given(
    arrays.arrays(
        st.sampled_from([np.float64, np.float32, np.int64, np.bool_, np.uint8]),
        arrays.array_shapes(max_dims=3, min_side=0, max_side=6),
    )
)
def test_arrays_come_back_bit_for_bit(array: np.ndarray) -> None:
    found = there_and_back(array)
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -0.0])
def test_odd_numbers_come_back(value: float) -> None:
    assert repr(there_and_back(value)) == repr(value)


def test_our_own_values_come_back() -> None:
    outcome = Survival(np.array([1.0, 2.0]), np.array([True, False]), "os")
    found = there_and_back({"of": outcome, "at": Path("a/b"), "who": frozenset({"x", "y"})})
    assert np.array_equal(found["of"].time_days, outcome.time_days)
    assert found["of"].name == "os"
    assert (found["at"], found["who"]) == (Path("a/b"), frozenset({"x", "y"}))


@pytest.mark.parametrize("kind", ["zscore", "impute", "variance", "correlation"])
def test_a_fitted_step_works_as_before(kind: str) -> None:
    cohort = draw()
    fold = Fold(frozenset(cohort.table.cases[:30]), frozenset(cohort.table.cases[30:]))
    params = STEPS.parse(kind)
    fitted = STEPS[params](fold.train(cohort), params, generator(1))
    test = fold.test(cohort)
    assert np.array_equal(there_and_back(fitted).apply(test).values, fitted.apply(test).values)


@pytest.mark.parametrize("kind", ["ridge", "lasso", "regression"])
def test_a_fitted_model_works_as_before(kind: str) -> None:
    cohort = draw()
    fold = Fold(frozenset(cohort.table.cases[:30]), frozenset(cohort.table.cases[30:]))
    params = MODELS.parse(kind)
    fitted = MODELS[params](fold.train(cohort), params, generator(1))
    test = fold.test(cohort)
    again = there_and_back(fitted)
    assert np.array_equal(again.probability(test), fitted.probability(test))


def test_what_is_shared_is_written_once() -> None:
    kept: dict[str, Part] = {}
    freezer = Freezer(kept.__setitem__)
    table = FeatureTable(
        np.zeros((50, 400)),
        tuple(map(str, range(50))),
        tuple(FeatureName.clinical(f"c{at}") for at in range(400)),
    )
    first = freezer.freeze({"table": table, "at": 1})
    count = len(kept)
    second = freezer.freeze({"table": table, "at": 2})
    assert len(kept) == count
    assert len(first) == len(second) < 1000


@pytest.mark.parametrize("value", [object(), lambda: 1, np.array([{}])])
def test_a_strangers_value_is_refused(value: object) -> None:
    with pytest.raises(FrozenError):
        there_and_back(value)


@pytest.mark.parametrize(
    "tree",
    [
        {"$class": "os:system", "fields": {"command": "true"}},
        {"$class": "hepacast.run.whole:os", "fields": {}},
        {"$class": "subprocess:Popen", "fields": {"args": "true"}},
        {"$function": "hepacast.run.work.freeze:import_module"},
        {"$function": "hepacast.cli.main:main.x"},
        {"$fitted": "hepacast.core.table:FeatureTable", "state": {}},
        {"$class": "hepacast.core.folds:Fitted", "fields": {}},
        {"$params": "hepacast.nowhere:X", "content": {}},
        {"$estimator": "00", "form": "pickle"},
        {"$unknown": 1},
        {"$floats": [1.0], "shape": [2]},
    ],
)
def test_text_that_names_anything_else_is_refused(tree: object) -> None:
    with pytest.raises(FrozenError):
        thaw(json.dumps(tree), dict[str, Part]().__getitem__)


@pytest.mark.parametrize("workers", [1, 2])
def test_kept_work_gives_what_plain_work_gives(workers: int, tmp_path: Path) -> None:
    plain: dict[int, Any] = dict(Executor().map(resample, tasks()))
    with executor(workers) as pool:
        found = dict(run_kept(pool, tmp_path, resample, tasks()))
    for at, one in plain.items():
        again = found[at]
        assert again.key == one.key
        assert again.seen == one.seen
        for part in ("score", "probability", "high"):
            wanted = getattr(one.predictions["cli"], part)
            assert np.array_equal(getattr(again.predictions["cli"], part), wanted)


def test_what_is_finished_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Executor(folder=tmp_path)
    first: dict[int, Any] = dict(run.work(resample, tasks()))
    calls: list[str] = []
    monkeypatch.setattr(Work, "keep", lambda _self, key, _result: calls.append(key))
    again: dict[int, Any] = dict(run.work(resample, tasks()))
    assert calls == []
    assert {at: one.key for at, one in again.items()} == {at: one.key for at, one in first.items()}


def results(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("work/results/??/*.json")}


def test_another_fold_setting_or_code_has_other_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Executor(folder=tmp_path)
    (one, *_) = tasks()
    assert len(dict(run.work(resample, [one]))) == len(results(tmp_path)) == 1
    others = [
        replace(one, repeat=5),
        replace(one, recipe=replace(one.recipe, seed=8)),
        replace(one, cohort=one.cohort.with_outcome(Binary(~one.cohort.outcome.event, "er"))),
    ]
    list(run.work(resample, others))
    assert len(results(tmp_path)) == 4
    monkeypatch.setattr(errands, "code_digest", lambda: "other code")
    list(run.work(resample, [one]))
    assert len(results(tmp_path)) == 5


def test_a_damaged_result_is_made_again(tmp_path: Path) -> None:
    run = Executor(folder=tmp_path)
    first: dict[int, Any] = dict(run.work(resample, tasks()))
    for at, path in enumerate(sorted(tmp_path.glob("work/results/??/*.json"))):
        data = path.read_bytes()
        path.write_bytes([data[:-3], b"", data.replace(b"0.", b"1.", 1), b"\xff"][at])
    again: dict[int, Any] = dict(run.work(resample, tasks()))
    for at, one in first.items():
        assert np.array_equal(again[at].predictions["cli"].score, one.predictions["cli"].score)


def test_a_damaged_object_is_named(tmp_path: Path) -> None:
    work = Work(tmp_path)
    kept: list[str] = []

    def put(digest: str, part: Part) -> None:
        kept.append(digest)
        work.put(digest, part)

    text = Freezer(put).freeze(np.arange(3000.0))
    path = next(tmp_path.glob("objects/??/*"))
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(StoreError, match="other bytes"):
        thaw(text, work.get)


def test_an_error_comes_back_and_is_not_kept(tmp_path: Path) -> None:
    one = replace(tasks()[0], fold=Fold(frozenset({"000", "001"}), frozenset({"002"})))
    ((_, found),) = Executor(folder=tmp_path).work(resample, [one])
    assert isinstance(found, Exception)
    assert not results(tmp_path)
