# SPDX-License-Identifier: Apache-2.0
"""Published clinical scores beside the models: they choose nothing, and must be beaten."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import StudyError
from hepacast.core.registry import kind_of
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models import MODELS
from hepacast.run.settings.study import ScoreParams
from hepacast.select import STEPS
from hepacast.table.scores import SCORES

if TYPE_CHECKING:
    from hepacast.core.params import Params
    from hepacast.run.gather import Materials
    from hepacast.run.protocol.chain import Recipe
    from hepacast.table.clinical import ClinicalTable


def comparator_table(materials: Materials, cases: tuple[str, ...]) -> FeatureTable | None:
    """Compute the clinical scores that a study asks for; higher is worse in every column.

    Parameters
    ----------
    materials : Materials
        Clinical table, its dictionary, and ``models.comparators``.
    cases : tuple of str
        Rows wanted.

    Returns
    -------
    FeatureTable or None
        One column per score, named as in :func:`comparator_name`; NaN where an input is
        missing.  None where no score is asked for.

    Raises
    ------
    StudyError, TableError
        If an input is not described as a number or flag known at baseline, has no
        usable unit, or an impossible value.
    """
    wanted = materials.study.models.comparators
    if not wanted:
        return None
    units = {n: f.unit or "" for n, f in materials.clinical.fields.items()}
    columns = []
    for params in wanted:
        inputs = _inputs(materials.clinical, params).rows(cases)
        worse = SCORES[params](inputs, units, params).values[:, 0]
        columns.append(worse if params.higher_is_worse else -worse)  # type: ignore[attr-defined]
    names = tuple(map(comparator_name, wanted))
    return FeatureTable(np.column_stack(columns), cases, names)


def comparator_name(params: Params) -> FeatureName:
    """Name the column of one score."""
    return FeatureName.score(kind_of(params))


def with_comparators(recipe: Recipe, wanted: tuple[Params, ...]) -> tuple[Recipe, dict[str, str]]:
    """Add one model per clinical score to a recipe.

    Nothing is chosen and no direction is learned: only the scale, for the
    probabilities.  A missing score is the training median.

    Returns
    -------
    Recipe
        With one more score and model each.
    roles : dict of str to str
        ``baseline``, by model.
    """
    scores, columns = dict(recipe.scores), dict(recipe.columns)
    sets = dict(recipe.models.sets)
    for params in wanted:
        name = kind_of(params)
        columns[name] = (comparator_name(params),)
        scores[name] = ScoreParams(
            from_=(name,), steps=(STEPS.parse("impute"),), model=MODELS.parse("published")
        )
        sets[name] = (name,)
    models = recipe.models.model_copy(update={"sets": sets})
    roles = {kind_of(params): "baseline" for params in wanted}
    return replace(recipe, scores=scores, models=models, columns=columns), roles


def _inputs(clinical: ClinicalTable, params: Params) -> FeatureTable:
    """Collect the columns that a score reads, as numbers."""
    names = dict.fromkeys(str(getattr(params, one)) for one in params.inputs)  # type: ignore[attr-defined]
    values = []
    for name in names:
        variable = clinical.variables.get(name)
        if variable is None or variable.field.kind == "category":
            got = "a category" if variable else "no such column"
            fix = f"Describe it, or name its column: {{{kind_of(params)}: {{<input>: <column>}}}}."
            what = f"{kind_of(params)} reads {name!r}, a number or flag of the data dictionary"
            raise StudyError(what=what, got=got, fix=fix)
        if variable.field.timing != "baseline":
            raise StudyError(
                what="a clinical score is computed from what was known at baseline",
                got=f"{name!r}, whose timing is {variable.field.timing!r}",
                fix=f"Leave {kind_of(params)} out, or name another column.",
            )
        values.append(variable.numbers)
    columns = tuple(map(FeatureName.clinical, names))
    return FeatureTable(np.column_stack(values), clinical.cases, columns)
