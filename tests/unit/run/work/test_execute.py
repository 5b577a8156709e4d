# SPDX-License-Identifier: Apache-2.0
"""Work on many items: here or in several processes, with the same result."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from hepacast.core.errors import NotEstimableError
from hepacast.core.provenance import generator
from hepacast.run.work.execute import Executor, WorkerLostError, executor

if TYPE_CHECKING:
    from collections.abc import Iterator


def draw(item: int) -> float:
    """Draw the number of one item, slower for the first ones."""
    time.sleep(0.02 if item < 3 else 0.0)
    return float(generator(7, "item", item).random())


def refuse_odd(item: int) -> int:
    if item % 2:
        raise NotEstimableError(what="even", got=str(item), fix="Add one.").at(case=item)
    return item


def break_down(item: int) -> int:
    if item == 2:
        msg = "a defect"
        raise RuntimeError(msg)
    return item


def die_at_three(item: int) -> int:
    if item == 3:
        os._exit(9)
    return item


@pytest.fixture(scope="module")
def two() -> Iterator[Executor]:
    """Open two processes once for all tests that leave them alive."""
    with executor(2) as pool:
        yield pool


def test_two_processes_give_what_one_gives(two: Executor) -> None:
    here = dict(Executor().map(draw, range(20)))
    assert here == dict(two.map(draw, range(20)))
    assert list(here) == list(range(20))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_raised_on_purpose_comes_back_as_a_result(workers: int, two: Executor) -> None:
    found = dict((two if workers == 2 else Executor()).map(refuse_odd, range(5)))
    assert (found[0], found[2], found[4]) == (0, 2, 4)
    assert isinstance(found[3], NotEstimableError)
    assert str(found[3]) == "[case 3] even; got 3. Add one."


@pytest.mark.parametrize("workers", [1, 2])
def test_a_defect_stops_the_run(workers: int, two: Executor) -> None:
    with pytest.raises(RuntimeError, match="a defect"):
        list((two if workers == 2 else Executor()).map(break_down, range(5)))


def test_nothing_to_do_is_done_at_once(two: Executor) -> None:
    assert list(Executor().map(draw, [])) == list(two.map(draw, [])) == []


def test_a_worker_that_is_killed_is_explained() -> None:
    with executor(2) as pool, pytest.raises(WorkerLostError, match="fewer --workers"):
        list(pool.map(die_at_three, range(200)))


def test_a_pool_that_broke_earlier_is_explained_too() -> None:
    with executor(2) as pool:
        with pytest.raises(WorkerLostError):
            list(pool.map(die_at_three, range(200)))
        with pytest.raises(WorkerLostError):
            list(pool.map(die_at_three, range(200)))


def test_one_worker_opens_no_process() -> None:
    with executor(1) as pool:
        assert {pid for _, pid in pool.map(_process, range(3))} == {os.getpid()}


def _process(_item: int) -> int:
    return os.getpid()
