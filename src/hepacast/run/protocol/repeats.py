# SPDX-License-Identifier: Apache-2.0
"""Whole validations repeated, of which some may be impossible."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hepacast.core.errors import HepacastError
from hepacast.core.events import Advanced, Noticed, Started

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hepacast.core.events import Listener
    from hepacast.run.work.execute import Executor

Task = TypeVar("Task")
Result = TypeVar("Result")


def repeat(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    executor: Executor,
    *,
    stage: str,
    what: str,
    on_event: Listener,
) -> list[Result]:
    """Work on all tasks; name those that cannot be fitted (a fold without events, say).

    Parameters
    ----------
    work : callable
        A named function of this package.
    tasks : sequence
        One per repeat.
    executor : Executor
        Who works.
    stage : str
        What the stage is called while it runs.
    what : str
        What one repeat is called: a shuffle, a draw.
    on_event : callable
        Told of progress, and of repeats that could not be fitted.

    Returns
    -------
    list
        Results of those that ran, in the order of the tasks.
    """
    on_event(Started(stage, len(tasks)))
    found: dict[int, Result] = {}
    for at, result in executor.work(work, tasks):
        if isinstance(result, HepacastError):
            on_event(Noticed(stage, f"{what} {at + 1} could not be fitted: {result}"))
        else:
            found[at] = result
        on_event(Advanced(stage, str(at + 1)))
    return [found[at] for at in sorted(found)]
