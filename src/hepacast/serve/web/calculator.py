# SPDX-License-Identifier: Apache-2.0
"""The predictor of a study as a form: what it asks for, and what it says."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import TableError
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.core.text import TextTable
from hepacast.table.clinical import read_clinical
from hepacast.table.fields import cells_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hepacast.io.records import Record
    from hepacast.run.predictor.predictor import Predictor
    from hepacast.table.fields import Field

CLINICAL = "clinical:"
"""Before the name of a clinical variable in the form; features have their own names."""

_ID = ""
"""Heading of the id: no variable has this name."""


@dataclass(frozen=True, slots=True)
class Input:
    """One field of the form.

    Parameters
    ----------
    name : str
        Of the field.
    label : str
        What is asked for, with its unit.
    group : str
        Where a feature is from; empty for a clinical variable.
    low, high : float or None
        Range in training; None where nothing was known.
    choices : tuple of (str, str)
        Cell and words of everything that may be chosen; empty for a number.
    value : str
        What the form starts with.
    """

    name: str
    label: str
    group: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[tuple[str, str], ...] = ()
    value: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What the predictor says, every bit of it.

    Parameters
    ----------
    probability, score : float
        Of the event; higher is worse.
    high : bool
        Above the cut that was learned in training.
    outside : tuple of str
        Columns outside the range of training.
    """

    probability: float
    score: float
    high: bool
    outside: tuple[str, ...]


def inputs_of(
    predictor: Predictor,
    record: Record | None = None,
    clinical: Mapping[str, str] | None = None,
) -> list[Input]:
    """List what the form asks for, clinical variables first.

    Parameters
    ----------
    predictor : Predictor
        Of the study.
    record : Record, optional
        Measured features to start with; its names have their block before them.
    clinical : mapping of variable to cell, optional
        Clinical cells to start with.
    """
    envelope = predictor.envelope
    ends = {
        str(column): (low, high)
        for column, low, high in zip(
            envelope.columns, envelope.low.tolist(), envelope.high.tolist(), strict=True
        )
        if math.isfinite(low) and math.isfinite(high)
    }
    known = {}
    if record is not None:
        names = (name.split("/", 1)[1] for name in record.names)
        known = dict(zip(names, record.values.tolist(), strict=True))
    found = [
        _asked(name, field, ends, (clinical or {}).get(name, ""))
        for name, field in predictor.preparation.fields.items()
    ]
    for column in envelope.columns:
        if column.family == "clinical":
            continue
        value = known.get(str(column), math.nan)
        one = _feature(str(column), ends)
        found.append(replace(one, value=repr(value)) if math.isfinite(value) else one)
    return found


def _asked(name: str, field: Field, ends: Mapping[str, tuple[float, float]], value: str) -> Input:
    """Ask for a clinical variable as its table holds it."""
    unit = f" ({field.unit})" if field.unit not in {None, "", "1"} else ""
    one = Input(CLINICAL + name, f"{field.label or name}{unit}", value=value)
    if field.kind == "category":
        return replace(one, choices=tuple((level, level) for level in field.levels))
    if field.kind == "flag":
        cells = ((field.false, "no"), (field.true, "yes"))
        return replace(one, choices=tuple((cells_of(cell)[0], words) for cell, words in cells))
    low, high = ends.get(str(FeatureName.clinical(name)), (None, None))
    return replace(one, low=low, high=high)


def _feature(column: str, ends: Mapping[str, tuple[float, float]]) -> Input:
    """Ask for a feature: where it is from, and its name."""
    low, high = ends.get(column, (None, None))
    phase, region, *rest = column.split("/")
    group = f"{phase}, {region}" if rest else "Features"
    return Input(column, " ".join(rest) or column, group, low, high)


def grouped(inputs: Iterable[Input]) -> list[tuple[str, list[Input]]]:
    """Put inputs that are from one place side by side, in the order in which they come.

    Examples
    --------
    >>> one = Input("portal/tumour/original/glcm/Contrast", "glcm", "portal, tumour")
    >>> [group for group, _ in grouped([Input("clinical:age", "Age (a)"), one])]
    ['', 'portal, tumour']
    """
    found: dict[str, list[Input]] = {}
    for one in inputs:
        found.setdefault(one.group, []).append(one)
    return list(found.items())


def say(predictor: Predictor, given: Mapping[str, str]) -> Said:
    """Score one row of values by the code of ``hepacast predict``.

    Parameters
    ----------
    predictor : Predictor
        Of the study.
    given : mapping of field to text
        As typed; what is empty is missing, and the predictor fills it in as it learned
        to, or refuses.

    Raises
    ------
    HepacastError
        If a text is not what its variable holds, or the model cannot do without a value.
    """
    known = _clinical(predictor, given)
    values = [
        known[str(column)] if str(column) in known else _number(str(column), given)
        for column in predictor.columns
    ]
    table = FeatureTable(np.array([values], dtype=np.float64), ("form",), predictor.columns)
    found = predictor.predict(table)
    return Said(
        probability=float(found.probability[0]),
        score=float(found.score[0]),
        high=bool(found.high[0]),
        outside=predictor.envelope.outside(table)["form"],
    )


def _clinical(predictor: Predictor, given: Mapping[str, str]) -> dict[str, float]:
    """Type the clinical variables as the study typed its table."""
    fields = dict(predictor.preparation.fields)
    if not fields:
        return {}
    cells = {name: (given.get(CLINICAL + name, ""),) for name in fields}
    text = TextTable({_ID: ("form",), **cells}, "the form", "")
    table = read_clinical(text, _ID, fields).predictors(list(fields))
    return dict(zip(map(str, table.columns), table.values[0].tolist(), strict=True))


def _number(name: str, given: Mapping[str, str]) -> float:
    """Read a number; an empty field is missing."""
    text = given.get(name, "")
    if not text.strip():
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise TableError(
            what=f"{name} is a number", got=repr(text[:40]), fix="Type it with a decimal point."
        )
    return value
