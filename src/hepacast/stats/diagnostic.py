# SPDX-License-Identifier: Apache-2.0
"""Performance of a yes-or-no call at a cut-off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.stats.inputs import both_classes, flags, floats
from hepacast.stats.proportions import exact_proportion

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from hepacast.stats.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Performance of a yes-or-no call, with exact intervals.

    Parameters
    ----------
    cutoff : float
        A case at or above it is called positive.
    true_positive, false_positive, true_negative, false_negative : int
        Counts.
    sensitivity, specificity, ppv, npv, accuracy : Estimate
        Clopper-Pearson intervals; ``ppv`` or ``npv`` is None where nobody was called so.
    """

    cutoff: float
    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate | None
    npv: Estimate | None
    accuracy: Estimate

    @property
    def youden(self) -> float:
        """Sensitivity + specificity - 1."""
        return self.sensitivity.estimate + self.specificity.estimate - 1

    def sentence(self) -> str:
        """Write it as a manuscript would."""
        parts = (self.sensitivity, self.specificity, self.ppv, self.npv, self.accuracy)
        return f"At {self.cutoff:.3g}: " + "; ".join(part.sentence() for part in parts if part)


def diagnostic(
    score: ArrayLike, event: ArrayLike, cutoff: float, *, level: float = 0.95
) -> Diagnostic:
    """Count hits and misses of a cut-off.

    Parameters
    ----------
    score : (case,) float
        Higher means the event is more likely.
    event : (case,) bool
        True where the event happened.
    cutoff : float
        A case at or above it is called positive; learn it on other cases.
    level : float
        Confidence level.

    Examples
    --------
    >>> result = diagnostic([1, 2, 3, 4], [0, 1, 0, 1], 2.5)
    >>> result.sensitivity.estimate, result.ppv.estimate, result.accuracy.events
    (0.5, 0.5, 2)
    """
    happened = flags("event", event)
    values = floats("score", score, happened.size)
    both_classes("sensitivity and specificity", happened)
    called = values >= cutoff
    tp, fp = int((called & happened).sum()), int((called & ~happened).sum())
    tn, fn = int((~called & ~happened).sum()), int((~called & happened).sum())

    def share(name: str, k: int, n: int) -> Estimate:
        return exact_proportion(k, n, name=name, level=level)

    return Diagnostic(
        cutoff=float(cutoff),
        true_positive=tp,
        false_positive=fp,
        true_negative=tn,
        false_negative=fn,
        sensitivity=share("sensitivity", tp, tp + fn),
        specificity=share("specificity", tn, tn + fp),
        ppv=share("PPV", tp, tp + fp) if tp + fp else None,
        npv=share("NPV", tn, tn + fn) if tn + fn else None,
        accuracy=share("accuracy", tp + tn, happened.size),
    )
