# SPDX-License-Identifier: Apache-2.0
"""The settings that say how patients are divided: folds, development and test cohorts, seeds."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, NonNegativeInt, PositiveInt, model_validator
from pydantic import Field as Setting

from hepacast.core.params import Params

MOMENT = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
"""A year, a month or a day, written so that the order of the text is the order of time."""


def _texts(block: object) -> object:
    """Let one centre stand for several, and a number for its text."""
    several = block if isinstance(block, list | tuple) else [block]
    return tuple(str(one) if isinstance(one, int) else one for one in several)


def _moment(block: object) -> object:
    """Let a year stand for its text."""
    return str(block) if isinstance(block, int) else block


Centres = Annotated[
    tuple[str, ...],
    BeforeValidator(_texts, json_schema_input_type=tuple[str | int, ...] | str | int),
]
Moment = Annotated[
    str,
    Setting(pattern=rf"^{MOMENT.pattern}$"),
    BeforeValidator(_moment, json_schema_input_type=str | int),
]


class DevelopParams(Params):
    """Who is learned from; a patient must meet every condition given."""

    centre: Centres | None = None
    """Centres, as the column of the centre writes them; all by default."""
    since: Moment | None = None
    """First year, month or day in the column ``split.time``."""
    before: Moment | None = None
    """First year, month or day that does not belong any more."""
    fraction: float | None = Setting(default=None, gt=0, lt=1)
    """Share of those patients, dealt by the seed within each centre; outcomes are not looked at."""


class HeldOutParams(Params):
    """Who is scored by the final models, once; a patient must meet every condition given."""

    centre: Centres | None = None
    """Centres, as the column of the centre writes them; all by default."""
    since: Moment | None = None
    """First year, month or day in the column ``split.time``."""
    before: Moment | None = None
    """First year, month or day that does not belong any more."""
    rest: bool = False
    """Those who meet the conditions of ``develop`` but were not dealt into its fraction."""


class SplitParams(Params):
    """How patients are divided; locked before any outcome is read."""

    seed: NonNegativeInt = 7
    """Seed of every random choice."""
    outer: int = Setting(default=5, ge=2)
    """Folds that give the estimate."""
    repeats: PositiveInt = 3
    """Independent divisions whose scores are averaged."""
    inner: int = Setting(default=5, ge=2)
    """Folds inside a training part, for tuning and for the scores that are combined."""
    time: str | None = None
    """Clinical column with the year, month or day (2019, 2019-05, 2019-05-31) of a patient."""
    develop: DevelopParams | None = None
    """Who is learned from and cross-validated; everybody who is in no test cohort by default."""
    tests: dict[str, HeldOutParams] = Setting(default_factory=dict)
    """Cohorts that the final models score."""
    open: Literal["once", "closed", "again"] = "once"
    """Test cohorts are scored once, and a second time with other settings is refused; or stay
    closed while models are still changed; or are opened again, which is counted and printed."""
    leave_one_centre_out: bool = False
    """Score every centre of the development cohort by models of the others, too."""
    seeds: NonNegativeInt = 0
    """Single divisions of the development cohort, one per seed, whose spread is shown."""
    bootstrap: NonNegativeInt = 0
    """Bootstrap resamples for the optimism of the apparent results."""

    @model_validator(mode="after")
    def _conditions_can_be_met(self) -> SplitParams:
        """Refuse conditions that lack their column or their counterpart."""
        sides = {"develop": self.develop, **{f"tests.{n}": t for n, t in self.tests.items()}}
        for name, side in sides.items():
            if side is None:
                continue
            if self.time is None and (side.since is not None or side.before is not None):
                msg = f"{name}: since and before need split.time, the column with the moment"
                raise ValueError(msg)
            if not side.model_fields_set:
                msg = f"{name}: say who it is: centre, since, before, fraction or rest"
                raise ValueError(msg)
        fraction = self.develop is not None and self.develop.fraction is not None
        if not fraction and any(test.rest for test in self.tests.values()):
            msg = "tests with rest: true need develop.fraction"
            raise ValueError(msg)
        return self
