"""The analysis of readers is what the statistics say when they are called directly."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from hepacast.serve.web.reader import STAGES, Answer, Reader
from hepacast.serve.web.reader_analysis import (
    ReaderAnalysis,
    ReaderResult,
    analyse_readers,
    as_json,
)
from hepacast.serve.web.reader_questions import ReaderQuestion
from hepacast.stats.reader_calls import reader_calls
from hepacast.stats.readers import reader_study
from hepacast.stats.roc import auc, compare_auc

N = 40
CASES = tuple(f"c{at}" for at in range(N))
RNG = np.random.default_rng(11)
EVENT = np.arange(N) % 3 == 0
# With the model, alone: (condition, reader, case).
PERCENT = np.clip(50 + RNG.normal(0, 20, (2, 3, N)) + 25 * EVENT, 0, 100).round(1)
CALLS = PERCENT >= 50
QUESTION = ReaderQuestion(
    outcome="er",
    model="rad",
    words="Early recurrence",
    happened=dict(zip(CASES, EVENT.tolist(), strict=True)),
    probability=dict(zip(CASES, RNG.uniform(size=N).tolist(), strict=True)),
)


def _reader(at: int, *, of: range = range(N), answered: int = N, **changed: Any) -> Reader:
    """Make a reader who says what the table holds, case by case in an order of one's own."""
    cases = tuple(CASES[n] for n in np.random.default_rng(at).permutation(list(of)))
    answers = [
        Answer(
            case=case,
            stage=stage,
            percent=float(PERCENT[condition, at, CASES.index(case)]),
            call=bool(CALLS[condition, at, CASES.index(case)]),
            seconds=10.0 * (condition + 1) + n % 3,
            shown=None,
        )
        for condition, stage in ((1, STAGES[0]), (0, STAGES[1]))
        for n, case in enumerate(cases[:answered])
    ]
    held = {"key": f"{at:016x}", "name": f"R{at}", "outcome": "er", "model": "rad", **changed}
    return Reader(cases=cases, answers=tuple(answers), **held)


@pytest.fixture(scope="module")
def analysis() -> ReaderAnalysis:
    return analyse_readers(QUESTION, [_reader(at) for at in range(3)])


def test_each_reader_is_what_the_functions_say(analysis: ReaderAnalysis) -> None:
    calls = reader_calls(CALLS, EVENT)
    assert analysis.readers == tuple(
        ReaderResult(
            name=f"R{at}",
            seconds=(11.0, 21.0),
            auc=(auc(PERCENT[0, at], EVENT), auc(PERCENT[1, at], EVENT)),
            auc_gain=compare_auc(PERCENT[0, at], PERCENT[1, at], EVENT),
            calls=analysis.readers[at].calls,
        )
        for at in range(3)
    )
    for at, one in enumerate(analysis.readers):
        assert as_json(one.calls) == as_json(calls.readers[at])


def test_all_readers_together_are_compared_by_obuchowski_and_rockette(
    analysis: ReaderAnalysis,
) -> None:
    wanted = [
        reader_study(PERCENT, EVENT),
        reader_study(CALLS, EVENT, "sensitivity"),
        reader_study(CALLS, EVENT, "specificity"),
    ]
    assert as_json(analysis.together) == as_json(wanted)
    assert "Obuchowski-Rockette" in analysis.together[0].random_readers.method


def test_kappa_is_given_for_all_readers_and_each_pair_by_stage(analysis: ReaderAnalysis) -> None:
    calls = reader_calls(CALLS, EVENT)
    with_model, alone = analysis.agreement
    assert (with_model.stage, alone.stage) == ("with model", "alone")
    assert with_model.sentences[0] == f"All readers: {calls.agreement[0].sentence()}"
    assert alone.sentences[1:] == tuple(
        f"{pair}: {kappa.sentence()}"
        for pair, kappa in zip(("R0 and R1", "R0 and R2", "R1 and R2"), calls.pairs[1], strict=True)
    )


def test_who_has_not_finished_is_named_and_left_out() -> None:
    readers = [_reader(0), _reader(1), _reader(2, answered=N - 1)]
    found = analyse_readers(QUESTION, readers)
    assert found.unfinished == ("R2",)
    assert [one.name for one in found.readers] == ["R0", "R1"]
    assert as_json(found.together[0]) == as_json(reader_study(PERCENT[:, :2], EVENT))


def test_only_cases_that_all_readers_read_count() -> None:
    found = analyse_readers(QUESTION, [_reader(0), _reader(1, of=range(5, 35))])
    assert (found.cases, found.events) == (30, int(EVENT[5:35].sum()))
    assert as_json(found.together[0]) == as_json(reader_study(PERCENT[:, :2, 5:35], EVENT[5:35]))


def test_readers_of_another_model_are_passed_over() -> None:
    found = analyse_readers(QUESTION, [_reader(0), _reader(1, model="other")])
    assert [one.name for one in found.readers] == ["R0"]
    assert found.unfinished == ()


def test_one_reader_is_analysed_without_a_comparison_over_readers() -> None:
    found = analyse_readers(QUESTION, [_reader(0)])
    assert found.readers[0].auc is not None
    assert found.readers[0].calls is not None
    assert (found.together, found.agreement, found.missing) == ((), (), ())


def test_what_cannot_be_estimated_is_said_and_the_rest_is_there() -> None:
    same = dict.fromkeys(CASES, True)
    nobody = ReaderQuestion(
        outcome="er", model="rad", words="", happened=same, probability=QUESTION.probability
    )
    found = analyse_readers(nobody, [_reader(0), _reader(1)])
    assert found.readers[0].auc is None
    assert found.readers[0].seconds == (11.0, 21.0)
    assert any(one.startswith("AUC of R0: ") for one in found.missing)


def test_nobody_who_finished_gives_an_empty_analysis() -> None:
    found = analyse_readers(QUESTION, [_reader(0, answered=0)])
    assert (found.readers, found.cases, found.unfinished) == ((), 0, ("R0",))


def test_the_analysis_is_json_without_numbers_that_do_not_exist(analysis: ReaderAnalysis) -> None:
    text = json.dumps(as_json(analysis), allow_nan=False)
    assert json.loads(text)["together"][0]["merit"] == "AUC"
