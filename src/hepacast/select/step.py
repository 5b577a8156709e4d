# SPDX-License-Identifier: Apache-2.0
"""What a step is: settings, a fit on training cases, and what it left behind."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from hepacast.core.folds import Fitted, Train
from hepacast.core.registry import Registry
from hepacast.stats.dealing import in_case_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jaxtyping import Bool, Float

    from hepacast.core.params import Params
    from hepacast.core.table import FeatureName, FeatureTable

    StepFit = Callable[[Train, Any, np.random.Generator], "FittedStep"]

P = TypeVar("P", bound="Params")


class FittedStep(Fitted):
    """A step that learned: how columns are filled, rescaled or chosen.

    Parameters
    ----------
    train : Train
        What it learned from; its columns are those that the step will ask for.
    outputs : sequence of FeatureName
        Columns of what it returns, in order.
    notes : sequence of str
        What a reader of the report should know.
    """

    def __init__(
        self, train: Train, outputs: Sequence[FeatureName], notes: Sequence[str] = ()
    ) -> None:
        super().__init__(train)
        self.inputs: tuple[FeatureName, ...] = train.table.columns
        self.outputs: tuple[FeatureName, ...] = tuple(outputs)
        self.notes: tuple[str, ...] = tuple(notes)

    def _values(self, table: FeatureTable) -> Float[np.ndarray, "case feature"]:
        """Return the values of the columns learned on, in the order learned on."""
        return with_columns(table, self.inputs).values


class KeepColumns(FittedStep):
    """Keep some columns as they are.

    Parameters
    ----------
    train : Train
        What it learned from.
    keep : (feature,) bool
        Which of its columns stay; none is a valid answer.
    evidence : (feature,) float, optional
        The number that the choice rests on, for each column offered.
    evidence_name : str
        What that number is.
    notes : sequence of str
        What a reader of the report should know.
    """

    def __init__(
        self,
        train: Train,
        keep: Bool[np.ndarray, " feature"],
        evidence: Float[np.ndarray, " feature"] | None = None,
        evidence_name: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        columns = train.table.columns
        super().__init__(train, [columns[at] for at in np.flatnonzero(keep)], notes)
        self.evidence, self.evidence_name = evidence, evidence_name

    def _apply(self, table: FeatureTable) -> FeatureTable:
        return with_columns(table, self.outputs)


class Rescale(FittedStep):
    """Subtract a centre from each column and divide by a scale; missing values stay missing.

    Parameters
    ----------
    train : Train
        What it learned from.
    centre, scale : (feature,) float
        In the units of the columns; a scale of 0 counts as 1.
    """

    def __init__(
        self,
        train: Train,
        centre: Float[np.ndarray, " feature"],
        scale: Float[np.ndarray, " feature"],
    ) -> None:
        super().__init__(train, train.table.columns)
        self.centre, self.scale = centre, np.where(scale > 0, scale, 1.0)

    def _apply(self, table: FeatureTable) -> FeatureTable:
        values = (self._values(table) - self.centre) / self.scale
        return table.with_values(values, self.outputs)


STEPS: Registry[StepFit] = Registry("steps")
"""Every step, by the kind of its settings: ``STEPS[params](train, params, rng)``."""


def step(
    params: type[P],
) -> Callable[[Callable[[Train, P, np.random.Generator], FittedStep]], StepFit]:
    """Register a fit, and have it see its cases in the order of their ids.

    Parameters
    ----------
    params : type of Params
        Settings with a ``kind``, under which the fit is found in ``STEPS``.

    Returns
    -------
    callable
        Decorator of ``fit(train, params, rng)``.
    """

    def bind(fit: Callable[[Train, P, np.random.Generator], FittedStep]) -> StepFit:
        @wraps(fit)
        def ordered(train: Train, params: P, rng: np.random.Generator) -> FittedStep:
            return fit(in_case_order(train), params, rng)

        return STEPS.register(params)(ordered)

    return bind


def with_columns(table: FeatureTable, columns: tuple[FeatureName, ...]) -> FeatureTable:
    """Return the table with these columns in this order.

    Parameters
    ----------
    table : FeatureTable
        May have others beside them.
    columns : tuple of FeatureName
        What a step asks for.

    Raises
    ------
    TableError
        If one is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from hepacast.core.table import FeatureName, FeatureTable
    >>> names = tuple(map(FeatureName.clinical, ("age", "afp")))
    >>> table = FeatureTable(np.array([[61.0, 20.0]]), ("p1",), names)
    >>> with_columns(table, names[::-1]).values.tolist()
    [[20.0, 61.0]]
    """
    return table if table.columns == columns else table.select(columns)


def complete(train: Train, who: str) -> Float[np.ndarray, "case feature"]:
    """Return the training values, and refuse missing ones.

    Parameters
    ----------
    train : Train
        Cases to learn from.
    who : str
        Step that needs them, for the message.

    Returns
    -------
    (case, feature) float
        Without NaN.

    Raises
    ------
    TableError
        Naming the first column and case with a missing value.
    """
    return train.table.complete(who)
