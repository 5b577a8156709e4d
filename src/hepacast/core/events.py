# SPDX-License-Identifier: Apache-2.0
"""What a run tells the outside while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    """A stage begins; ``total`` is the number of steps it will take."""

    stage: str
    total: int


@dataclass(frozen=True, slots=True)
class Advanced:
    """One step of a stage is done."""

    stage: str
    item: str = ""


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something was repaired, flagged or worth a look; it ends up in the report."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Failed:
    """One item could not be worked on; the others go on."""

    stage: str
    item: str
    error: Exception


Event = Started | Advanced | Noticed | Failed
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Take an event and do nothing: for callers who want to hear of none.

    Parameters
    ----------
    event : Event
        Any.

    Examples
    --------
    >>> ignore(Noticed("case P001", "2 voxels in holes"))
    """
