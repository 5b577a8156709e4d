# SPDX-License-Identifier: Apache-2.0
"""The data dictionary: what every clinical column means, in which unit, and when it was known."""

from __future__ import annotations

from typing import Literal

from pydantic import Field as Setting
from pydantic import TypeAdapter, ValidationError, model_validator

from hepacast.core.errors import StudyError
from hepacast.core.params import Params

Timing = Literal["baseline", "follow-up", "outcome"]
MISSING_CELLS = ("", "NA", "N/A", "NaN", "nan")
"""Cells that mean "not known" in every table; other codes must be declared."""


class Field(Params):
    """One clinical column."""

    kind: Literal["number", "category", "flag", "text", "time", "event"]
    """What the cells are; ``time`` and ``event`` describe outcomes and are never predictors."""
    timing: Timing
    """When the value was known; only ``baseline`` columns may be predictors."""
    unit: str | None = None
    """Unit of a number or time as printed in the report, e.g. ``ng/mL``."""
    label: str | None = None
    """How the report prints the variable; the heading by default."""
    levels: tuple[str, ...] = ()
    """Allowed values of a category; the first one is the reference."""
    rename: dict[str, str] = Setting(default_factory=dict)
    """Spellings to replace, e.g. ``{Cisplastin: Cisplatin}``; each use is logged."""
    true: tuple[str, ...] | str = "1"
    """Cell (or cells) of a flag that mean yes."""
    false: tuple[str, ...] | str = "0"
    """Cell (or cells) of a flag that mean no."""
    missing: tuple[str, ...] = ()
    """Further cells that mean "not known", e.g. ``-999``."""
    low: float | None = None
    """Smallest possible number."""
    high: float | None = None
    """Largest possible number."""
    censored: Literal["refuse", "limit"] = "refuse"
    """What ``<20`` or ``>1210`` in a number means: an error, or the limit itself (flagged)."""

    @model_validator(mode="after")
    def _complete(self) -> Field:
        """Ask for what the kind cannot do without."""
        if self.kind in {"number", "time"} and self.unit is None:
            msg = f"a {self.kind} needs its unit (write unit: '1' for a pure number)"
            raise ValueError(msg)
        if self.kind == "category" and len(self.levels) < 2:
            msg = "a category needs its levels, the reference first"
            raise ValueError(msg)
        if twice := [level for level in self.levels if self.levels.count(level) > 1]:
            msg = f"the levels name {twice[0]!r} twice"
            raise ValueError(msg)
        if both := set(cells_of(self.true)) & set(cells_of(self.false)):
            msg = f"the cell {min(both)!r} means both yes and no"
            raise ValueError(msg)
        if self.low is not None and self.high is not None and self.low > self.high:
            msg = f"low ({self.low:g}) must not be above high ({self.high:g})"
            raise ValueError(msg)
        if self.timing == "baseline" and self.kind in {"time", "event"}:
            msg = "a time or event is an outcome, it cannot be known at baseline"
            raise ValueError(msg)
        return self


def cells_of(value: tuple[str, ...] | str) -> tuple[str, ...]:
    """Return the cells that a setting names, one or several.

    >>> cells_of("yes")
    ('yes',)
    """
    return (value,) if isinstance(value, str) else value


Dictionary = dict[str, Field]
_ADAPTER = TypeAdapter(Dictionary)


def parse_dictionary(block: object, *, source: str) -> Dictionary:
    """Turn the content of a dictionary file into checked fields.

    Parameters
    ----------
    block : object
        What the YAML file holds.
    source : str
        Its name, for messages.

    Raises
    ------
    StudyError
        Naming the column and the setting that is wrong.

    Examples
    --------
    >>> block = {"death": {"kind": "event", "timing": "outcome"}}
    >>> parse_dictionary(block, source="fields.yaml")["death"].timing
    'outcome'
    """
    try:
        return _ADAPTER.validate_python(block)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StudyError(
            what=f"the data dictionary must describe {place or 'columns'}: {first['msg']}",
            got=repr(first["input"])[:120],
            fix="Each column needs kind and timing; see the page on the data dictionary.",
        ).at(file=source) from error
