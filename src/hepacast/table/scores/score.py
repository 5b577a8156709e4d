# SPDX-License-Identifier: Apache-2.0
"""What a clinical score is: named inputs, checked units, a formula, a source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from pydantic import ConfigDict

from hepacast.core.errors import StudyError, TableError
from hepacast.core.params import Params
from hepacast.core.registry import Registry
from hepacast.core.table import FeatureName, FeatureTable

if TYPE_CHECKING:
    from jaxtyping import Float

Inputs = Mapping[str, Any]
"""Quantity to (case,) float in its canonical unit."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One input of a score.

    Parameters
    ----------
    unit : str
        Canonical unit; empty for codes and flags, whose unit is not asked for.
    low, high : float
        Smallest and largest value that a patient can have, canonical unit.
    factors : mapping of str to float
        Further units, and what to multiply them with.
    """

    unit: str
    low: float
    high: float
    factors: Mapping[str, float] = field(default_factory=dict)


_CELLS = {"G/L": 1.0, "10^3/uL": 1.0, "10^3/mm3": 1.0, "/uL": 1e-3, "/mm3": 1e-3}
_ENZYME = {"IU/L": 1.0}

QUANTITIES: Mapping[str, Quantity] = {
    "age": Quantity("years", 0, 120),
    "afp": Quantity("ug/L", 0, 1e8, {"ng/mL": 1.0}),
    "albumin": Quantity("g/L", 10, 70, {"g/dL": 10.0}),
    "alt": Quantity("U/L", 1, 2e4, _ENZYME),
    "ast": Quantity("U/L", 1, 2e4, _ENZYME),
    "bilirubin": Quantity("umol/L", 0.5, 1500, {"mg/dL": 17.1}),
    "creatinine": Quantity("mg/dL", 0.05, 30, {"umol/L": 1 / 88.4}),
    "diameter": Quantity("cm", 0, 40, {"mm": 0.1}),
    "ggt": Quantity("U/L", 1, 2e4, _ENZYME),
    "inr": Quantity("1", 0.5, 20),
    "lymphocytes": Quantity("10^9/L", 0.01, 500, _CELLS),
    "monocytes": Quantity("10^9/L", 0.001, 100, _CELLS),
    "neutrophils": Quantity("10^9/L", 0.01, 500, _CELLS),
    "platelets": Quantity("10^9/L", 1, 3000, _CELLS),
    "sodium": Quantity("mmol/L", 90, 190, {"mEq/L": 1.0}),
    "sum_of_diameters": Quantity("cm", 0, 100, {"mm": 0.1}),
    "tumours": Quantity("", 1, 1000),
    "performance": Quantity("", 0, 4),
    "child_pugh": Quantity("", 5, 15),
    "ascites": Quantity("", 1, 3),
    "encephalopathy": Quantity("", 1, 3),
    "capsule": Quantity("", 0, 2),
    "score": Quantity("", -np.inf, np.inf),
    "flag": Quantity("", 0, 1),
}
"""Every quantity that a score may ask for; names not listed are flags (0 no, 1 yes)."""


def _explain_columns(schema: dict[str, Any], kind: type[Any]) -> None:
    """Say in the schema what every input names, and in which unit it is compared."""
    for name in kind.inputs:
        quantity = QUANTITIES.get(name)
        unit = f", converted to {quantity.unit}" if quantity is not None and quantity.unit else ""
        schema["properties"][name].setdefault("description", f"Clinical column of {name}{unit}.")


class ScoreParams(Params):
    """What the settings of every score share: each input names its clinical column."""

    model_config = ConfigDict(json_schema_extra=_explain_columns)

    label: ClassVar[str]
    """Name of the column of scores, as clinicians print it."""
    source: ClassVar[str]
    """Where the formula was published."""
    verified: ClassVar[str] = "formula and test values checked"
    """What is known about the formula used here."""
    higher_is_worse: ClassVar[bool] = True
    """Direction of risk; the negative of a score that protects is the comparator."""
    inputs: ClassVar[tuple[str, ...]] = ()
    """Settings that name a column: those that are text, in the order written down."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:  # noqa: ANN401 - pydantic's own
        """List the columns that a score asks for."""
        fields = cls.model_fields.items()
        cls.inputs = tuple(name for name, field in fields if field.annotation is str)


P = TypeVar("P", bound=ScoreParams)
Formula = Callable[[Inputs, P], "Float[np.ndarray, ' case']"]
OnTable = Callable[[FeatureTable, Mapping[str, str], Any], FeatureTable]

SCORES: Registry[OnTable] = Registry("clinical scores")
"""Every score: ``SCORES[params](table, units, params)`` gives one column."""


def score(params: type[P]) -> Callable[[Formula[P]], Formula[P]]:
    """Register a formula; it gets its inputs in canonical units, NaN where missing.

    Parameters
    ----------
    params : type of ScoreParams
        Settings with a ``kind``, under which the score is found in ``SCORES``; its text settings
        name the columns.

    Returns
    -------
    callable
        Decorator of ``formula(inputs, params)``, which returns (case,) float.
    """

    def bind(formula: Formula[P]) -> Formula[P]:
        def on_table(table: FeatureTable, units: Mapping[str, str], settings: P) -> FeatureTable:
            known = {name: read(table, units, name, settings) for name in settings.inputs}
            values = np.array(formula(known, settings), dtype=np.float64)
            for one in known.values():
                values[np.isnan(one)] = np.nan
            return table.with_values(values[:, None], (FeatureName.score(settings.label),))

        SCORES.register(params)(on_table)
        return formula

    return bind


def read(
    table: FeatureTable, units: Mapping[str, str], name: str, settings: ScoreParams
) -> Float[np.ndarray, " case"]:
    """Return one input in its canonical unit.

    Parameters
    ----------
    table : FeatureTable
        Holds the clinical columns; NaN where missing.
    units : mapping of str to str
        Unit of each clinical column, from the data dictionary.
    name : str
        Which input.
    settings : ScoreParams
        Says which column holds it.

    Raises
    ------
    StudyError
        If the unit is not known for this quantity.
    TableError
        If the column is absent, or a value impossible for a patient (a wrong
        unit, most often).
    """
    column = str(getattr(settings, name))
    quantity = QUANTITIES.get(name, QUANTITIES["flag"])
    values = table.select([FeatureName.clinical(column)]).values[:, 0]
    values = values * _factor(quantity, column, units.get(column), settings.label)
    wrong = (values < quantity.low) | (values > quantity.high)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        unit = f" {quantity.unit}" if quantity.unit else ""
        raise TableError(
            what=f"{name} lies between {quantity.low:g} and {quantity.high:g}{unit}",
            got=f"{values[row]:g}{unit} in column {column}",
            fix="Check its unit in the data dictionary, or mend the value.",
        ).at(score=settings.label, case=table.cases[row])
    return values


def _factor(quantity: Quantity, column: str, unit: str | None, label: str) -> float:
    """Return what turns the unit of a column into the canonical one."""
    if not quantity.unit:
        return 1.0
    spelled = (
        (unit or "").replace("µ", "u").replace("μ", "u").replace("⁹", "^9").lstrip("x× ").strip()
    )
    known = {quantity.unit: 1.0, **quantity.factors}
    if spelled not in known:
        raise StudyError(
            what=f"{label} needs the unit of {column}: one of {', '.join(known)}",
            got=repr(unit),
            fix="Write it in the data dictionary.",
        )
    return known[spelled]
