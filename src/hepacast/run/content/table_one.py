# SPDX-License-Identifier: Apache-2.0
"""Table 1: who the patients were, by what happened to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.report import content as shown
from hepacast.stats.tables import describe_by_group

if TYPE_CHECKING:
    from hepacast.core.folds import Cohort
    from hepacast.stats.tables import Description
    from hepacast.table.clinical import ClinicalTable, Variable

NOTE = (
    "Mean (SD) where a number is normally distributed in every group, otherwise median "
    "(quartiles); n (%) for categories. P values describe the sample; no variable was "
    "chosen by them."
)


def table_one(clinical: ClinicalTable, cohort: Cohort) -> shown.TableOne:
    """Describe every baseline variable of the cases of one outcome, by event.

    Parameters
    ----------
    clinical : ClinicalTable
        Typed variables of everybody.
    cohort : Cohort
        The cases that count, and their outcome.
    """
    row_of = {case: row for row, case in enumerate(clinical.cases)}
    rows = np.array([row_of[case] for case in cohort.table.cases])
    name = cohort.outcome.name.replace("_", " ")
    group = np.where(cohort.outcome.event, f"{name}: event", f"{name}: no event")
    baseline = [v for v in clinical.variables.values() if v.field.timing == "baseline"]
    described = [(v, _describe(v, rows, group)) for v in baseline]
    heads = ("all cases", *np.unique(group).tolist())
    sizes = (len(rows), *np.unique(group, return_counts=True)[1].tolist())
    return shown.TableOne(
        columns=tuple(shown.TableColumn(label=h, n=n) for h, n in zip(heads, sizes, strict=True)),
        rows=tuple(line for variable, one in described for line in _lines(variable, one)),
        note=NOTE,
    )


def _describe(variable: Variable, rows: np.ndarray, group: np.ndarray) -> Description:
    numbers = variable.numbers[rows]
    if not variable.levels:
        return describe_by_group(numbers, group, name=variable.label, kind="numeric")
    labels = [None if np.isnan(v) else variable.levels[int(v)] for v in numbers]
    return describe_by_group(labels, group, name=variable.label, kind="categorical")


def _lines(variable: Variable, one: Description) -> list[shown.TableRow]:
    """Write a variable as one line, or as one per level; the test stands on the first."""
    lines = []
    for at, row in enumerate(one.rows):
        first = at == 0
        lines.append(
            shown.TableRow(
                variable=variable.label,
                level=row.label if variable.levels else "",
                unit="" if variable.levels else variable.field.unit or "",
                cells=(row.cells[-1], *row.cells[:-1]),
                n_missing=sum(one.missing) if first else 0,
                p=one.test.p if first and one.test else None,
                test=one.test.method if first and one.test else "",
                reason=one.reason if first else "",
            )
        )
    return lines
