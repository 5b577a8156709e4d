# SPDX-License-Identifier: Apache-2.0
"""Change of features between two phases, over a table of cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.core.errors import TableError
from hepacast.core.table import NONE, FeatureName
from hepacast.radiomics.delta import DeltaParams, delta

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hepacast.run.extraction.extract_many import Cell

_ABOUT = ("id", "phase", "region", "image", "mask", "label")


def delta_rows(rows: Sequence[Mapping[str, Cell]], params: DeltaParams) -> list[dict[str, Cell]]:
    """Subtract the features of one phase from those of another, case by case.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of :func:`extract_many.extract_jobs`, with the columns ID and Phase, and Region if a
        case has several.
    params : DeltaParams
        Phases, and how change is expressed.

    Returns
    -------
    changes : list of dict
        One row per ID (and Region) that has both phases; features begin with ``after-before_``.

    Raises
    ------
    TableError
        If a column is absent, or a case has a phase twice.

    Examples
    --------
    >>> rows = [{"ID": "1", "Phase": p, "original_glcm_Contrast": v}
    ...         for p, v in (("art", 2.0), ("pv", 5.0))]
    >>> delta_rows(rows, DeltaParams(before="art", after="pv"))
    [{'ID': '1', 'pv-art_original_glcm_Contrast': 3.0}]
    """
    cases: dict[tuple[str, ...], dict[str, Mapping[str, Cell]]] = {}
    for row in rows:
        by = {name.strip().lower(): str(value or "") for name, value in row.items()}
        if not by.get("id") or not by.get("phase"):
            raise TableError(
                what="changes between phases need the columns ID and Phase",
                got=", ".join(name for name in row if name.strip().lower() in _ABOUT),
                fix="Name the phase of every image.",
            )
        key = (by["id"], by["region"]) if "region" in by else (by["id"],)
        phases = cases.setdefault(key, {})
        if by["phase"] in phases:
            raise TableError(
                what="a case has every phase once",
                got=f"{by['phase']} of {' '.join(key)} twice",
                fix="Tell regions apart by a column Region.",
            )
        phases[by["phase"]] = row
    return [
        {**dict(zip(("ID", "Region"), key, strict=False)), **_changes(phases, params)}
        for key, phases in cases.items()
        if {params.before, params.after} <= set(phases)
    ]


def _changes(phases: Mapping[str, Mapping[str, Cell]], params: DeltaParams) -> dict[str, Cell]:
    """Compute the changes of one case."""
    values = {}
    for phase in (params.before, params.after):
        for name, value in phases[phase].items():
            parts = name.split("_", 2)
            if len(parts) == 3 and not isinstance(value, str) and parts[0] != "diagnostics":
                number = float("nan") if value is None else float(value)
                values[FeatureName(phase, NONE, *parts)] = number
    return {
        f"{name.phase}_{name.filter}_{name.family}_{name.feature}": None
        if change != change  # noqa: PLR0124 - NaN
        else change
        for name, change in delta(values, params).items()
    }
