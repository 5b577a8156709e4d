# SPDX-License-Identifier: Apache-2.0
"""The predictor of a study as a form: what it asks for, and what it says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import TableError
from hepacast.core.table import FeatureTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.io.records import Record
    from hepacast.run.predictor import Predictor


@dataclass(frozen=True, slots=True)
class Input:
    """One column that the predictor weighs.

    Parameters
    ----------
    name : str
        Of the column.
    label : str
        As printed, with its unit.
    low, high : float or None
        Range in training; None where nothing was known.
    value : str
        What the form starts with.
    """

    name: str
    label: str
    low: float | None
    high: float | None
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


def inputs_of(predictor: Predictor, record: Record | None = None) -> list[Input]:
    """List what the form asks for; features of a measured case are filled in.

    Parameters
    ----------
    predictor : Predictor
        Of the study.
    record : Record, optional
        Gives the features; its names have their block before them.
    """
    known: dict[str, float] = {}
    if record is not None:
        names = (name.split("/", 1)[1] for name in record.names)
        known = dict(zip(names, record.values.tolist(), strict=True))
    found = []
    envelope = predictor.envelope
    for column, low, high in zip(
        envelope.columns, envelope.low.tolist(), envelope.high.tolist(), strict=True
    ):
        value = known.get(str(column), math.nan)
        found.append(
            Input(
                name=str(column),
                label=_label(predictor, str(column)),
                low=low if math.isfinite(low) else None,
                high=high if math.isfinite(high) else None,
                value=repr(value) if math.isfinite(value) else "",
            )
        )
    return found


def _label(predictor: Predictor, column: str) -> str:
    """Print a clinical variable by its label; features keep their names."""
    plain = column.rsplit("/", 1)[-1]
    one = predictor.preparation.fields.get(plain)
    if one is None:
        return column
    unit = f" ({one.unit})" if one.unit not in {None, "", "1"} else ""
    return f"{one.label or plain}{unit}"


def say(predictor: Predictor, given: Mapping[str, str]) -> Said:
    """Score one row of values by the code of ``hepacast predict``.

    Parameters
    ----------
    predictor : Predictor
        Of the study.
    given : mapping of column to text
        Numbers as typed; what is empty is missing, and the predictor fills it in as it
        learned to, or refuses.

    Raises
    ------
    TableError
        If a text is no finite number.
    HepacastError
        If the model cannot do without a value.
    """
    values = [_number(str(column), given.get(str(column), "")) for column in predictor.columns]
    table = FeatureTable(np.array([values], dtype=np.float64), ("form",), predictor.columns)
    found = predictor.predict(table)
    return Said(
        probability=float(found.probability[0]),
        score=float(found.score[0]),
        high=bool(found.high[0]),
        outside=predictor.envelope.outside(table)["form"],
    )


def _number(name: str, text: str) -> float:
    """Read a number; an empty field is missing."""
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
