# SPDX-License-Identifier: Apache-2.0
"""Baselines that every study is held against, whether it asks for them or not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hepacast.core.errors import StudyError
from hepacast.core.events import Noticed, ignore
from hepacast.core.registry import kind_of
from hepacast.models import MODELS
from hepacast.models.model import can_learn
from hepacast.run.settings.study import CLINICAL_ONLY, VOLUME_ONLY, ScoreParams
from hepacast.select import STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.core.events import Listener
    from hepacast.core.outcome import Outcome
    from hepacast.core.table import FeatureName
    from hepacast.run.protocol.chain import Recipe


def with_algorithms(
    recipe: Recipe, outcome: Outcome | None = None, *, on_event: Listener = ignore
) -> Recipe:
    """Make one model of every set and algorithm, where a study lists algorithms.

    Parameters
    ----------
    recipe : Recipe
        Of the study.
    outcome : Binary, Survival or CompetingRisks, optional
        What is to be learned; algorithms that cannot are left out.
    on_event : callable
        Told of the algorithms left out.

    Raises
    ------
    StudyError
        If no algorithm learns from such an outcome.

    Examples
    --------
    A set ``Rad`` under ``algorithms: [svm, knn]`` becomes ``Rad svm`` and ``Rad knn``;
    each learns from the score's values that were themselves out of fold.
    """
    if not recipe.models.algorithms:
        return recipe
    algorithms = [
        one for one in recipe.models.algorithms if outcome is None or can_learn(one, outcome)
    ]
    unfit = [kind_of(one) for one in recipe.models.algorithms if one not in algorithms]
    if unfit and outcome is not None:
        kind = type(outcome).__name__
        if not algorithms:
            raise StudyError(
                what=f"models.algorithms needs one that learns from {kind}",
                got=", ".join(unfit),
                fix="Add regression, or leave the outcome out.",
            )
        said = f"cannot learn from {kind} and are left out: {', '.join(unfit)}"
        on_event(Noticed("models.algorithms", said))
    sets = {
        f"{name} {kind_of(params)}": members
        for name, members in recipe.models.sets.items()
        for params in algorithms
    }
    tops = {
        f"{name} {kind_of(params)}": params for name in recipe.models.sets for params in algorithms
    }
    models = recipe.models.model_copy(update={"sets": sets})
    return replace(recipe, models=models, tops=tops)


VOLUMES = ("MeshVolume", "VoxelVolume")


def with_baselines(
    recipe: Recipe, *, on_event: Listener = ignore
) -> tuple[Recipe, Mapping[str, str]]:
    """Add the volume-only and the clinical-only baseline to a recipe.

    Parameters
    ----------
    recipe : Recipe
        Of the study.
    on_event : callable
        Told if there is no volume among the features.

    Returns
    -------
    Recipe
        With one more score and model per baseline.
    roles : mapping of str to str
        ``candidate`` or ``baseline``, by model.
    """
    columns, scores = dict(recipe.columns), dict(recipe.scores)
    sets = dict(recipe.models.sets)
    roles = dict.fromkeys(sets, "candidate")
    impute = STEPS.parse("impute")
    found = _volume(recipe)
    if found is None:
        on_event(Noticed("baselines", "no volume among the features: no volume-only baseline"))
    else:
        columns[VOLUME_ONLY] = (found,)
        scores[VOLUME_ONLY] = ScoreParams(
            from_=(VOLUME_ONLY,), steps=(impute,), model=MODELS.parse("regression")
        )
    if columns["clinical"]:
        scores[CLINICAL_ONLY] = ScoreParams(
            from_=("clinical",), steps=(impute,), model=MODELS.parse("lasso")
        )
    for name in (name for name in scores if name not in recipe.scores):
        sets[name] = (name,)
        roles[name] = "baseline"
    models = recipe.models.model_copy(update={"sets": sets})
    return replace(recipe, scores=scores, models=models, columns=columns), roles


def _volume(recipe: Recipe) -> FeatureName | None:
    """Find the column with the tumour's volume: the one declared, or the first there is."""
    every = [column for columns in recipe.columns.values() for column in columns]
    declared = recipe.models.volume
    if declared is not None:
        match = next((column for column in every if str(column) == declared), None)
        if match is None:
            raise StudyError(
                what="models.volume must be one of the study's columns",
                got=repr(declared),
                fix="Write it as phase/region/filter/family/feature, e.g. "
                "portal/tumour/original/shape/MeshVolume.",
            )
        return match
    volumes = (c for c in every if c.family == "shape" and c.feature in VOLUMES)
    return next(volumes, None)
