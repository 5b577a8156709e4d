# SPDX-License-Identifier: Apache-2.0
"""A real scheduler and real workers on this machine."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from hepacast.core.errors import NotEstimableError, StudyError
from hepacast.run.work.cluster import ClusterParams, SchedulerLostError, cluster
from hepacast.run.work.execute import WorkerLostError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hepacast.run.work.execute import Executor

pytest.importorskip("distributed")


def square(item: int) -> int:
    return item * item


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


def fill_memory(item: int) -> int:
    held = []
    for _ in range(100 if item == 1 else 0):
        held.append(bytearray(20_000_000))
        time.sleep(0.02)
    return item


@pytest.fixture(scope="module")
def two() -> Iterator[Executor]:
    """Start two workers once."""
    with cluster(ClusterParams(workers=2, memory="500MB", allowed_failures=2)) as run:
        yield run


def test_workers_give_what_this_process_gives(two: Executor) -> None:
    assert dict(two.map(square, range(60))) == {at: at * at for at in range(60)}


def test_an_error_raised_on_purpose_comes_back_as_a_result(two: Executor) -> None:
    found = dict(two.map(refuse_odd, range(4)))
    assert (found[0], found[2]) == (0, 2)
    assert str(found[3]) == "[case 3] even; got 3. Add one."


def test_a_defect_stops_the_run(two: Executor) -> None:
    with pytest.raises(RuntimeError, match="a defect"):
        list(two.map(break_down, range(4)))


def test_an_item_that_takes_workers_down_fails_alone(two: Executor) -> None:
    found = dict(two.map(die_at_three, range(12)))
    assert isinstance(found.pop(3), WorkerLostError)
    assert found == {at: at for at in range(12) if at != 3}


@pytest.mark.slow
def test_an_item_that_fills_the_memory_is_told_so(two: Executor) -> None:
    found = dict(two.map(fill_memory, range(3)))
    assert isinstance(found[1], WorkerLostError)
    assert "memory ran out" in str(found[1])
    assert (found[0], found[2]) == (0, 2)


def test_nothing_listens_beyond_this_machine(two: Executor) -> None:
    client = two.pool.client  # type: ignore[union-attr]
    assert client.scheduler_info()["address"].startswith("tcp://127.0.0.1:")
    assert "127.0.0.1" in client.dashboard_link


def test_a_scheduler_that_does_not_answer_is_named() -> None:
    params = ClusterParams(kind="scheduler", scheduler="tcp://127.0.0.1:9", wait_s=1)
    with pytest.raises(SchedulerLostError, match="must live as long as the run"), cluster(params):
        pass


def test_a_scheduler_without_a_name_is_refused() -> None:
    with pytest.raises(StudyError, match="its address or its scheduler file"):  # noqa: SIM117
        with cluster(ClusterParams(kind="scheduler")):
            pass
