# SPDX-License-Identifier: Apache-2.0
"""Whether a new case is like those that a network learned from: in its vector, and its scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import numpy as np
from pydantic import Field, PositiveInt

from hepacast.core.errors import LeakError, NotEstimableError
from hepacast.core.folds import Fitted
from hepacast.core.params import Params
from hepacast.core.table import FeatureName
from hepacast.stats.dealing import deal_folds, in_case_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float

    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureTable

Acquisition: TypeAlias = "Mapping[str, float | str]"
"""How a case was scanned: ``{"slice_mm": 5.0, "maker": "SIEMENS"}``."""

_LEAST_CASES = 10


class DomainParams(Params):
    """Settings of the distance from the training cases."""

    kind: Literal["mahalanobis"] = "mahalanobis"
    folds: PositiveInt = 5
    """Parts that measure what distances unseen training cases have."""
    components: PositiveInt = 16
    """Leading directions of the vectors that the distance looks along; fewer for few cases."""
    level: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """P value below which a case is called unlike the training cases."""


@dataclass(frozen=True, slots=True, eq=False)
class _Cloud:
    """Centre and shrunk spread of vectors."""

    centre: Float[np.ndarray, " feature"]
    scale: Float[np.ndarray, " feature"]
    directions: Float[np.ndarray, "feature component"]
    whiten: Float[np.ndarray, "component component"]

    @classmethod
    def of(cls, values: Float[np.ndarray, "case feature"], components: int) -> _Cloud:
        from sklearn.covariance import ledoit_wolf  # noqa: PLC0415 - sklearn loads slowly

        centre, scale = values.mean(axis=0), values.std(axis=0)
        scale = np.where(scale > 1e-12 * (1 + np.abs(centre)), scale, np.inf)
        unit = (values - centre) / scale
        _, _, turned = np.linalg.svd(unit, full_matrices=False)
        directions = turned[: min(components, len(values) // 3)].T
        covariance, _ = ledoit_wolf(unit @ directions, assume_centered=True)
        whiten = np.linalg.cholesky(np.linalg.inv(covariance))
        return cls(centre, scale, directions, whiten)

    def distance(self, values: Float[np.ndarray, "case feature"]) -> Float[np.ndarray, " case"]:
        found: Float[np.ndarray, " case"] = np.linalg.norm(
            ((values - self.centre) / self.scale) @ self.directions @ self.whiten, axis=1
        )
        return found


class Domain(Fitted):
    """Distance of a vector from those of the training cases.

    Its output is two columns: the distance, and its P value among distances of training
    cases that a part of the others was measured on.
    """

    def __init__(
        self,
        train: Train,
        params: DomainParams,
        cloud: _Cloud,
        reference: Float[np.ndarray, " case"],
    ) -> None:
        super().__init__(train)
        self.params, self._cloud, self.reference = params, cloud, reference

    def _apply(self, table: FeatureTable) -> FeatureTable:
        distance = self._cloud.distance(table.complete("the distance from training cases"))
        beyond = (self.reference[None, :] >= distance[:, None]).sum(axis=1)
        p = (beyond + 1) / (self.reference.size + 1)
        names = tuple(map(FeatureName.score, ("distance", "P of distance")))
        return table.with_values(np.stack([distance, p], axis=1), names)

    def unlike(self, table: FeatureTable) -> tuple[str, ...]:
        """Name the cases whose P value is at most the level; for patients never seen.

        Raises
        ------
        LeakError
            If one of them was seen in training.
        """
        p = self.apply(table).values[:, 1]
        flagged = zip(table.cases, p, strict=True)
        return tuple(case for case, value in flagged if value <= self.params.level)


def fit_domain(train: Train, params: DomainParams, rng: np.random.Generator) -> Domain:
    """Learn where the vectors of the training cases lie.

    Parameters
    ----------
    train : Train
        Vectors of a network, one row per case, complete.
    params : DomainParams
        Settings.
    rng : numpy.random.Generator
        Deals patients into the parts that measure unseen distances.

    Raises
    ------
    NotEstimableError
        With fewer than ten cases.

    Notes
    -----
    Standardised vectors are projected on their leading directions, whose covariance is shrunk
    (Ledoit 2004, J Multivar Anal 88:365).  Distances of the cases that made the covariance are
    far too short in many dimensions, so P values are counted among distances from clouds that
    left the case out (Lee 2018, NeurIPS 31:7167 for the distance; Vovk 2005 for the P value).

    Examples
    --------
    >>> from hepacast.core.folds import Cohort, Fold
    >>> from hepacast.core.outcome import Binary
    >>> from hepacast.core.table import FeatureTable
    >>> rng = np.random.default_rng(7)
    >>> values = np.vstack([rng.normal(size=(40, 2)), [[0.0, 0.0], [9.0, -9.0]]])
    >>> cases = (*(f"c{at}" for at in range(40)), "near", "far")
    >>> table = FeatureTable(values, cases, tuple(FeatureName.score(n) for n in "xy"))
    >>> cohort = Cohort(table, Binary(np.arange(42) % 2 == 0))
    >>> fold = Fold(frozenset(cases[:40]), frozenset(cases[40:]))
    >>> fit_domain(fold.train(cohort), DomainParams(), rng).unlike(fold.test(cohort))
    ('far',)
    """
    if len(train) < _LEAST_CASES:
        raise NotEstimableError(
            what=f"a cloud of vectors needs at least {_LEAST_CASES} cases",
            got=f"{len(train)}",
            fix="Leave the check out for so few cases.",
        )
    ordered = in_case_order(train)
    values = ordered.table.complete("the distance from training cases")
    patients = ordered.table.patients
    count = min(params.folds, len(set(patients)))
    fold = deal_folds(patients, np.zeros(len(values), np.int64), count, rng)
    reference = np.empty(len(values))
    for part in np.unique(fold):
        out = fold == part
        reference[out] = _Cloud.of(values[~out], params.components).distance(values[out])
    return Domain(train, params, _Cloud.of(values, params.components), np.sort(reference))


@dataclass(frozen=True, slots=True)
class Envelope:
    """What scans of the training cases were like, one line per quantity.

    Parameters
    ----------
    seen : frozenset of str
        Patients behind it.
    ranges : mapping of str to (float, float)
        Lowest and highest value.
    words : mapping of str to frozenset of str
        Values of quantities that are words: maker, kernel.
    """

    seen: frozenset[str]
    ranges: Mapping[str, tuple[float, float]]
    words: Mapping[str, frozenset[str]]

    def outside(self, patient: str, scan: Acquisition) -> tuple[str, ...]:
        """Say in what a scan differs from all training scans; empty if in nothing.

        Parameters
        ----------
        patient : str
            Whose scan it is.
        scan : mapping of str to float or str
            A quantity that is absent is told, one that training scans lack is not looked at.

        Raises
        ------
        LeakError
            If the patient is one of the training patients: they are inside by definition.
        """
        if patient in self.seen:
            raise LeakError(
                what="a scan is compared with the scans of other patients",
                got=f"{patient!r}, who is one of them",
                fix="Ask about new patients only.",
            )
        told = []
        for name, (low, high) in self.ranges.items():
            value = scan.get(name)
            if not isinstance(value, int | float):
                told.append(f"{name} unknown")
            elif not low <= value <= high:
                told.append(f"{name} {value:g} outside {low:g}-{high:g}")
        for name, words in self.words.items():
            word = scan.get(name)
            if word is None:
                told.append(f"{name} unknown")
            elif word not in words:
                told.append(f"{name} {word!r} not among {', '.join(sorted(words))}")
        return tuple(told)


def fit_envelope(train: Train, scans: Mapping[str, Acquisition]) -> Envelope:
    """Learn the ranges of the training scans.

    Parameters
    ----------
    train : Train
        Decides whose scans are looked at.
    scans : mapping of str to mapping
        Acquisition by case id.

    Raises
    ------
    NotEstimableError
        If no training case has one.

    Examples
    --------
    >>> from hepacast.core.folds import Cohort, Fold
    >>> from hepacast.core.outcome import Binary
    >>> from hepacast.core.table import FeatureTable
    >>> table = FeatureTable(np.zeros((3, 1)), ("a", "b", "c"), (FeatureName.clinical("x"),))
    >>> fold = Fold(frozenset("ab"), frozenset("c"))
    >>> train = fold.train(Cohort(table, Binary(np.array([True, False, True]))))
    >>> scans = {"a": {"slice_mm": 1.0}, "b": {"slice_mm": 3.0}, "c": {"slice_mm": 5.0}}
    >>> fit_envelope(train, scans).outside("c", scans["c"])
    ('slice_mm 5 outside 1-3',)
    """
    found = [scans[case] for case in train.table.cases if case in scans]
    if not found:
        raise NotEstimableError(
            what="an envelope needs the acquisition of training cases",
            got="none of them",
            fix="Read the images from DICOM, or leave the check out.",
        )
    ranges: dict[str, tuple[float, float]] = {}
    words: dict[str, frozenset[str]] = {}
    for name in sorted({name for scan in found for name in scan}):
        values = [scan[name] for scan in found if name in scan]
        numbers = [value for value in values if isinstance(value, int | float)]
        if len(numbers) == len(values):
            ranges[name] = float(min(numbers)), float(max(numbers))
        else:
            words[name] = frozenset(map(str, values))
    return Envelope(frozenset(train.table.patients), ranges, words)
