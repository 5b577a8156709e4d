# SPDX-License-Identifier: Apache-2.0
"""What a network is asked for: a class, a hazard, or both; settings load without torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field as Setting
from pydantic import PositiveFloat

from hepacast.core.errors import NotEstimableError, StudyError
from hepacast.core.outcome import Binary, Outcome
from hepacast.core.params import Params
from hepacast.core.registry import Registry
from hepacast.deep.require import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float32, Int
    from torch import Tensor

    HeadFit = Callable[[Any, Any], "Head"]


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """One of several classes per case; class 0 is the best, the last is the worst.

    Parameters
    ----------
    label : (case,) int
        From 0.
    count : int
        Classes that there are.
    name : str
        What the study calls it.
    """

    label: Int[np.ndarray, " case"]
    count: int
    name: str = "class"

    def __len__(self) -> int:
        return len(self.label)

    @property
    def strata(self) -> Int[np.ndarray, " case"]:
        """Labels to balance when cases are divided."""
        return self.label

    def take(self, rows: Int[np.ndarray, " row"]) -> Classes:
        """Return the chosen rows."""
        return Classes(self.label[rows], self.count, self.name)


class Head(ABC):
    """How logits are judged in training and read afterwards.

    Attributes
    ----------
    out : int
        Logits per picture.
    one_per_case : bool
        An epoch shows one picture of every case, not all of them: a likelihood of
        risk sets must not count a case several times.
    """

    out: int = 1
    one_per_case: bool = False

    @abstractmethod
    def targets(self, outcome: Outcome) -> Float32[np.ndarray, "case target"]:
        """Turn an outcome into numbers for the loss."""

    @abstractmethod
    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of (n, out) logits."""

    @abstractmethod
    def risk(self, logits: Tensor) -> Tensor:
        """Return (n,) risks; higher is worse."""

    def pooled(self, risks: list[Tensor]) -> Tensor:
        """Return the risk of every case from those of its pictures: their mean."""
        torch = require("torch")
        means: Tensor = torch.stack([each.mean() for each in risks])
        return means


HEADS: Registry[HeadFit] = Registry("heads")
"""Every head: ``HEADS[params](outcome of the training cases, params)``."""


class BinaryHeadParams(Params):
    """One logit: the event happened or not."""

    kind: Literal["binary"] = "binary"
    class_weights: bool = True
    """Weigh both classes alike, however rare one is."""
    mean_of: Literal["logit", "probability"] = "probability"
    """What is averaged over the pictures of a case."""


class ClassesHeadParams(Params):
    """One logit per class; the risk is the expected class."""

    kind: Literal["classes"] = "classes"
    class_weights: bool = True
    """Weigh all classes alike."""


class CoxHeadParams(Params):
    """One log hazard, by the partial likelihood of batches that all hold events."""

    kind: Literal["cox"] = "cox"


class HazardHeadParams(Params):
    """Log odds of the event in consecutive intervals of time."""

    kind: Literal["hazard"] = "hazard"
    intervals: Annotated[int, Setting(ge=2, le=50)] = 5
    """Intervals with about equally many events each, the last one to the last event."""


class EarlyAndTimeHeadParams(Params):
    """Two tasks on one vector: the event before a time limit, and its time."""

    kind: Literal["early-and-time"] = "early-and-time"
    early_months: PositiveFloat = 24.0
    """Limit; cases censored before it teach the second task only."""
    early_weight: Annotated[float, Setting(ge=0, le=1)] = 0.5
    """Share of the first task in the loss, and in the risk."""
    intervals: Annotated[int, Setting(ge=2, le=50)] = 5
    """As for ``hazard``."""


def class_weights(labels: Int[np.ndarray, " case"], classes: int) -> Float32[np.ndarray, " class"]:
    """Return weights under which every class counts alike and the mean weight is 1.

    Raises
    ------
    NotEstimableError
        If a class has no case.

    Examples
    --------
    >>> class_weights(np.array([0, 0, 0, 1]), 2).astype(float).round(2).tolist()
    [0.67, 2.0]
    """
    count = np.bincount(labels, minlength=classes)
    if (count == 0).any():
        raise NotEstimableError(
            what="a network needs training cases of every class",
            got=f"none of class {int(np.flatnonzero(count == 0)[0])} among {len(labels)}",
            fix="Ask for fewer folds, or collect more patients.",
        )
    return (len(labels) / (classes * count)).astype(np.float32)


class BinaryHead(Head):
    """Weighted logistic loss."""

    def __init__(self, outcome: Outcome, params: BinaryHeadParams) -> None:
        if not isinstance(outcome, Binary):
            raise _other_outcome(outcome, kind="binary")
        weights = class_weights(outcome.strata, 2)
        self.weights = weights if params.class_weights else np.ones(2, np.float32)
        self.mean_of = params.mean_of

    def targets(self, outcome: Outcome) -> Float32[np.ndarray, "case target"]:
        """Return (case, 2): the event and the weight of its class."""
        event = outcome.event.astype(np.int64)
        return np.stack([event, self.weights[event]], axis=1).astype(np.float32)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the weighted mean of the logistic loss."""
        functional = require("torch.nn.functional")
        loss: Tensor = functional.binary_cross_entropy_with_logits(
            logits[:, 0], targets[:, 0], weight=targets[:, 1]
        )
        return loss

    def risk(self, logits: Tensor) -> Tensor:
        """Return the log odds."""
        return logits[:, 0]

    def pooled(self, risks: list[Tensor]) -> Tensor:
        """Return log odds of the mean probability, or the mean log odds."""
        if self.mean_of == "logit":
            return super().pooled(risks)
        torch = require("torch")
        chance = torch.stack([each.double().sigmoid().mean() for each in risks])
        odds: Tensor = torch.logit(chance, eps=1e-12)
        return odds


class ClassesHead(Head):
    """Weighted cross entropy."""

    def __init__(self, outcome: Any, params: ClassesHeadParams) -> None:  # noqa: ANN401
        if not isinstance(outcome, Classes):
            raise _other_outcome(outcome, kind="classes")
        self.out = outcome.count
        weights = class_weights(outcome.label, outcome.count)
        self.weights = weights if params.class_weights else np.ones(outcome.count, np.float32)

    def targets(self, outcome: Any) -> Float32[np.ndarray, "case target"]:  # noqa: ANN401
        """Return (case, 1) labels."""
        labels: Float32[np.ndarray, "case target"] = outcome.label[:, None].astype(np.float32)
        return labels

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the weighted mean of the cross entropy."""
        torch = require("torch")
        weights = torch.as_tensor(self.weights, device=logits.device)
        loss: Tensor = torch.nn.functional.cross_entropy(logits, targets[:, 0].long(), weights)
        return loss

    def risk(self, logits: Tensor) -> Tensor:
        """Return the expected class."""
        torch = require("torch")
        steps = torch.arange(self.out, dtype=logits.dtype, device=logits.device)
        expected: Tensor = logits.softmax(dim=1) @ steps
        return expected


class CoxHead(Head):
    """Partial likelihood of the batch."""

    one_per_case = True

    def __init__(self, outcome: Outcome, params: CoxHeadParams) -> None:  # noqa: ARG002
        _require_times("cox", outcome)

    def targets(self, outcome: Outcome) -> Float32[np.ndarray, "case target"]:
        """Return (case, 2): days and the event."""
        return _times(outcome)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of :func:`hepacast.deep.losses.cox_loss`."""
        cox_loss = require("hepacast.deep.losses").cox_loss
        loss: Tensor = cox_loss(logits[:, 0], targets[:, 0], targets[:, 1] > 0)
        return loss

    def risk(self, logits: Tensor) -> Tensor:
        """Return the log hazard."""
        return logits[:, 0]


class HazardHead(Head):
    """Likelihood of hazards in intervals."""

    one_per_case = True

    def __init__(self, outcome: Outcome, params: HazardHeadParams) -> None:
        _require_times("hazard", outcome)
        self.edges = event_quantiles(outcome, params.intervals)
        self.out = len(self.edges)

    def targets(self, outcome: Outcome) -> Float32[np.ndarray, "case target"]:
        """Return (case, 2): interval and event; events after the last edge count as survived."""
        days, event = _times(outcome).T
        interval = np.searchsorted(self.edges, days, side="left")
        inside = (event > 0) & (interval < self.out)
        # A censored case has survived only those intervals whose end it reached.
        survived = np.searchsorted(self.edges, days, side="right")
        return np.stack([np.where(inside, interval, survived), inside], axis=1).astype(np.float32)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of :func:`hepacast.deep.losses.hazard_loss`."""
        hazard_loss = require("hepacast.deep.losses").hazard_loss
        loss: Tensor = hazard_loss(logits, targets[:, 0].long(), targets[:, 1] > 0)
        return loss

    def risk(self, logits: Tensor) -> Tensor:
        """Return the share of the whole span that is lost, 0 to 1."""
        torch = require("torch")
        widths = torch.as_tensor(np.diff(self.edges, prepend=0.0), dtype=logits.dtype)
        lost_life = require("hepacast.deep.losses").lost_life
        lost: Tensor = lost_life(logits, widths.to(logits.device)) / float(self.edges[-1])
        return lost


class EarlyAndTimeHead(Head):
    """One logit for the early event, and the hazards of the intervals."""

    one_per_case = True

    def __init__(self, outcome: Outcome, params: EarlyAndTimeHeadParams) -> None:
        _require_times("early-and-time", outcome)
        from hepacast.core.outcome import DAYS_PER_MONTH  # noqa: PLC0415

        self.limit = params.early_months * DAYS_PER_MONTH
        self.share = params.early_weight
        self.time = HazardHead(outcome, HazardHeadParams(intervals=params.intervals))
        self.out = 1 + self.time.out

    def targets(self, outcome: Outcome) -> Float32[np.ndarray, "case target"]:
        """Return (case, 4): early or not, whether that is known, interval and event."""
        days, event = _times(outcome).T
        early = (event > 0) & (days <= self.limit)
        known = early | (days > self.limit)
        first = np.stack([early, known], axis=1).astype(np.float32)
        return np.hstack([first, self.time.targets(outcome)])

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the weighted sum of both losses."""
        functional = require("torch.nn.functional")
        known = targets[:, 1]
        each = functional.binary_cross_entropy_with_logits(
            logits[:, 0], targets[:, 0], weight=known, reduction="sum"
        )
        early = each / known.sum().clamp(min=1)
        later = self.time.loss(logits[:, 1:], targets[:, 2:])
        loss: Tensor = self.share * early + (1 - self.share) * later
        return loss

    def risk(self, logits: Tensor) -> Tensor:
        """Return the weighted sum of the chance of the early event and the share of time lost."""
        early = logits[:, 0].sigmoid()
        return self.share * early + (1 - self.share) * self.time.risk(logits[:, 1:])


HEADS.register(BinaryHeadParams)(BinaryHead)
HEADS.register(ClassesHeadParams)(ClassesHead)
HEADS.register(CoxHeadParams)(CoxHead)
HEADS.register(HazardHeadParams)(HazardHead)
HEADS.register(EarlyAndTimeHeadParams)(EarlyAndTimeHead)


def event_quantiles(outcome: Outcome, intervals: int) -> Float32[np.ndarray, " edge"]:
    """Return ends of intervals with about as many events in each, days.

    Raises
    ------
    NotEstimableError
        If the event times do not fill two intervals.

    Examples
    --------
    >>> from hepacast.core.outcome import Survival
    >>> days = np.array([10.0, 20.0, 30.0, 40.0, 99.0])
    >>> event_quantiles(Survival(days, days < 50), 2).tolist()
    [30.0, 40.0]
    """
    days, event = _times(outcome).T
    cuts = np.quantile(days[event > 0], np.arange(1, intervals + 1) / intervals, method="higher")
    edges = np.unique(cuts[cuts > 0]).astype(np.float32)
    if len(edges) < 2:
        raise NotEstimableError(
            what="intervals of time need events at two different times",
            got=f"{len(edges)} among {int(event.sum())} events",
            fix="Use the cox head, or a binary outcome.",
        )
    return edges


def default_head(outcome: object) -> Params:
    """Return the settings of the head that fits an outcome.

    >>> default_head(Binary(np.array([True, False]))).kind
    'binary'
    """
    if isinstance(outcome, Classes):
        return ClassesHeadParams()
    return BinaryHeadParams() if isinstance(outcome, Binary) else CoxHeadParams()


def _times(outcome: Outcome) -> Float32[np.ndarray, "case two"]:
    """Return days and event; an outcome that competes is censored."""
    if isinstance(outcome, Binary):
        raise _other_outcome(outcome, kind="of a time")
    return np.stack([outcome.time_days, outcome.event], axis=1).astype(np.float32)


def _require_times(kind: str, outcome: Outcome) -> None:
    """Ask for a time to an event, and for an event."""
    if isinstance(outcome, Binary) or not hasattr(outcome, "time_days"):
        raise _other_outcome(outcome, kind=kind)
    if not outcome.event.any():
        raise NotEstimableError(
            what="a hazard needs events among the training cases",
            got=f"none of {len(outcome)}",
            fix="Ask for fewer folds, or collect more patients.",
        )


def _other_outcome(outcome: object, *, kind: str) -> StudyError:
    return StudyError(
        what=f"head {kind!r} does not learn from this outcome",
        got=type(outcome).__name__,
        fix="Binary outcomes take binary, times cox, hazard or early-and-time.",
    )
