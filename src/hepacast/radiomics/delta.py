# SPDX-License-Identifier: Apache-2.0
"""Change of features between two phases (or two dates)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from hepacast.core.errors import NotEstimableError
from hepacast.core.params import Params
from hepacast.core.table import FeatureName

Change = Literal["difference", "relative", "symmetric"]


class DeltaParams(Params):
    """Settings of delta features."""

    kind: Literal["delta"] = "delta"
    before: str = Field(min_length=1)
    """Phase to start from."""
    after: str = Field(min_length=1)
    """Phase to compare with it."""
    change: Change = "difference"
    """``after - before``; that over ``|before|``; or over the mean of both absolute values."""


def delta(values: Mapping[FeatureName, float], params: DeltaParams) -> dict[FeatureName, float]:
    """Compute the change of every feature that both phases have.

    Parameters
    ----------
    values : mapping of FeatureName to float
        Features of one case.
    params : DeltaParams
        Phases, and how change is expressed.

    Returns
    -------
    changes : dict of FeatureName to float
        Under the phase ``after-before``; NaN where either value is missing or the
        denominator is 0.  Shape is left out: it is that of the mask, in every phase.

    Raises
    ------
    NotEstimableError
        If the two phases have no feature in common.

    Examples
    --------
    >>> a = FeatureName("art", "r", "original", "firstorder", "Mean")
    >>> p = FeatureName("pv", "r", "original", "firstorder", "Mean")
    >>> made = delta({a: 40.0, p: 90.0}, DeltaParams(before="art", after="pv"))
    >>> {str(name): value for name, value in made.items()}
    {'pv-art/r/original/firstorder/Mean': 50.0}
    """
    made = {}
    for name, first in values.items():
        if name.phase != params.before or name.family in {"shape", "shape2D", "ibsi-morph"}:
            continue
        other = FeatureName(params.after, *name.tokens[1:])
        if other in values:
            phase = f"{params.after}-{params.before}"
            changed = _change(first, values[other], params.change)
            made[FeatureName(phase, *name.tokens[1:])] = changed
    if not made:
        raise NotEstimableError(
            what="delta features need a feature that both phases have",
            got=f"phases {', '.join(sorted({name.phase for name in values}))}",
            fix=f"Extract the same features for {params.before} and {params.after}.",
        )
    return made


def _change(before: float, after: float, change: Change) -> float:
    """Express a change; NaN by a denominator of 0."""
    difference = after - before
    if change == "difference":
        return difference
    below = abs(before) if change == "relative" else (abs(before) + abs(after)) / 2
    return difference / below if below > 0 else float("nan")
