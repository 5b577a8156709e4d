# SPDX-License-Identifier: Apache-2.0
"""What one outcome brought to light."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hepacast.run.protocol.discrimination import discrimination

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from hepacast.core.folds import Cohort
    from hepacast.report.content import Precision
    from hepacast.run.protocol.apparent import Final
    from hepacast.run.protocol.chain import Recipe
    from hepacast.run.protocol.flow import Step
    from hepacast.run.protocol.held_out import HeldOut
    from hepacast.run.protocol.looks import Look
    from hepacast.run.protocol.optimism import Corrected
    from hepacast.run.protocol.published import AsPublished
    from hepacast.run.protocol.resample import Assessment, Resample


@dataclass(frozen=True, slots=True)
class Known:
    """What the maker of a phantom knows about a model.

    Parameters
    ----------
    model : str
        Model of the study.
    value : float
        True AUC or concordance of the best model that sees what this one sees.
    where : str
        Whom it is true of: endless patients of the same kind, or the very patients drawn.
    """

    model: str
    value: float
    where: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """All that was found out about one outcome."""

    name: str
    cohort: Cohort
    step: Step
    recipe: Recipe
    roles: Mapping[str, str]
    at_days: float | None
    tasks: tuple[Resample, ...]
    assessment: Assessment
    shuffles: Mapping[str, np.ndarray]
    final: Final
    readiness: tuple[Precision, ...] = ()
    tests: tuple[HeldOut, ...] = ()
    centres: tuple[HeldOut, ...] = ()
    seeds: Mapping[str, np.ndarray] = field(default_factory=dict)
    corrected: Mapping[str, Corrected] = field(default_factory=dict)
    noise: Mapping[str, np.ndarray] = field(default_factory=dict)
    shuffled: Mapping[str, float] = field(default_factory=dict)
    published: AsPublished | None = None
    looks: Mapping[str, Mapping[str, Look]] = field(default_factory=dict)

    def observed(self, model: str) -> float:
        """Return the out-of-fold discrimination of one model."""
        return discrimination(self.cohort.outcome, self.assessment.models[model])
