# SPDX-License-Identifier: Apache-2.0
"""Take scanner or centre effects out, as far as the training patients show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.errors import NotEstimableError, TableError
from hepacast.core.params import Params
from hepacast.core.table import FeatureName
from hepacast.select.step import FittedStep, complete, step, with_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureTable

_TOLERANCE = 1e-8
_ROUNDS = 1000


class CombatParams(Params):
    """Settings of ComBat."""

    kind: Literal["combat"] = "combat"
    batch: str = "-/-/-/clinical/site"
    """Column that holds a code of the batch (centre, scanner); it is used up."""


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """What a batch does to standardised columns.

    Parameters
    ----------
    location, scale : (feature,) float
        Shrunken additive and multiplicative effects.
    """

    location: Float[np.ndarray, " feature"]
    scale: Float[np.ndarray, " feature"]


class Harmonise(FittedStep):
    """Remove learned batch effects; batches never seen in training are refused.

    Parameters
    ----------
    train : Train
        What it learned from.
    batch : FeatureName
        Column of batch codes.
    pooled : tuple of two (feature,) float
        Grand mean and pooled standard deviation, in the units of the columns.
    shifts : mapping of float to Shift
        Effects by batch code.
    """

    def __init__(
        self,
        train: Train,
        batch: FeatureName,
        pooled: tuple[Float[np.ndarray, " feature"], Float[np.ndarray, " feature"]],
        shifts: Mapping[float, Shift],
    ) -> None:
        rest = [column for column in train.table.columns if column != batch]
        super().__init__(train, rest, [f"{len(shifts)} batches"])
        self.batch, self.shifts = batch, dict(shifts)
        self._mean, self._deviation = pooled

    def _apply(self, table: FeatureTable) -> FeatureTable:
        codes = table.select([self.batch]).values[:, 0]
        if unseen := sorted(set(codes.tolist()) - set(self.shifts)):
            first = (
                table.cases[int(np.flatnonzero(codes == unseen[0])[0])]
                if unseen[0] == unseen[0]
                else "?"
            )
            raise TableError(
                what="ComBat only knows the batches of its training patients",
                got=f"batch {unseen[0]:g}",
                fix="Leave harmonisation out for new centres, or train with some of their cases.",
            ).at(case=first)
        values = (with_columns(table, self.outputs).values - self._mean) / self._deviation
        for code, shift in self.shifts.items():
            rows = codes == code
            values[rows] = (values[rows] - shift.location) / shift.scale
        return table.with_values(values * self._deviation + self._mean, self.outputs)


@step(CombatParams)
def combat(train: Train, params: CombatParams, rng: np.random.Generator) -> FittedStep:  # noqa: ARG001
    """Learn the location and scale of each batch, shrunken over the columns.

    Parameters
    ----------
    train : Train
        Complete columns, one of which is the batch code.
    params : CombatParams
        Name of that column.
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    Harmonise
        Without the column of codes.

    Raises
    ------
    TableError
        If there is no such column; when scoring, if a batch was never seen.
    NotEstimableError
        If a batch has a single training case.

    Notes
    -----
    Parametric empirical Bayes without covariates: where centres differ in case
    mix, part of the biology goes with the batch.  The outcome is not used.
    Source: Johnson, Li and Rabinovic 2007, Biostatistics 8:118.
    """
    name = FeatureName.parse(params.batch)
    values = complete(train, "ComBat")
    codes = train.table.select([name]).values[:, 0]
    rest = [column for column in train.table.columns if column != name]
    data = values[:, [at for at, column in enumerate(train.table.columns) if column != name]]
    batches, counts = np.unique(codes, return_counts=True)
    if counts.min() < 2:
        raise NotEstimableError(
            what="ComBat needs two training cases of every batch",
            got=f"one of batch {batches[int(np.argmin(counts))]:g}",
            fix="Merge small batches, or leave harmonisation out.",
        )
    means = np.stack([data[codes == code].mean(axis=0) for code in batches])
    grand = (counts[:, None] * means).sum(axis=0) / len(data)
    within = data - means[np.searchsorted(batches, codes)]
    deviation = np.sqrt((within**2).mean(axis=0))
    deviation = np.where(deviation > 1e-12 * np.abs(grand), deviation, 1.0)
    scaled = (data - grand) / deviation
    shifts = {
        float(code): _shrink(scaled[codes == code]) if rest else Shift(np.zeros(0), np.ones(0))
        for code in batches
    }
    return Harmonise(train, name, (grand, deviation), shifts)


def _shrink(scaled: Float[np.ndarray, "case feature"]) -> Shift:
    """Estimate the effects of one batch by parametric empirical Bayes."""
    count = len(scaled)
    mean, variance = scaled.mean(axis=0), scaled.var(axis=0, ddof=1)
    # A column constant within the batch has nothing to scale.
    variance = np.where(variance > 1e-20, variance, 1.0)
    if scaled.shape[1] < 2:
        return Shift(mean, np.sqrt(variance))
    prior_mean, prior_spread = mean.mean(), mean.var(ddof=1)
    m, s2 = variance.mean(), variance.var(ddof=1)
    if s2 <= 0 or prior_spread <= 0:
        return Shift(mean, np.sqrt(variance))
    shape, rate = (2 * s2 + m**2) / s2, (m * s2 + m**3) / s2
    location, scale = mean, variance
    for _ in range(_ROUNDS):
        new = (count * prior_spread * mean + scale * prior_mean) / (count * prior_spread + scale)
        squares = ((scaled - new) ** 2).sum(axis=0)
        spread = (rate + 0.5 * squares) / (count / 2 + shape - 1)
        moved = max(np.abs(new - location).max(), np.abs(spread - scale).max())
        location, scale = new, spread
        if moved < _TOLERANCE:
            break
    return Shift(location, np.sqrt(scale))
