# SPDX-License-Identifier: Apache-2.0
"""How well the outcome can be known: the true AUC and C-index of the phantom's model.

The score of each predictor is the best there is: the probability of the end
point within the horizon given everything that the predictor can see.

- ``imaging`` sees the aggressiveness z, which is all that an image carries;
- ``clinical`` sees the clinical table, diameter and number of nodules included;
- ``size`` sees the diameter alone (the volume-only baseline);
- ``combined`` sees everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import gammaln, pdtrc

from hepacast.core.errors import StudyError
from hepacast.phantom.latent import (
    MOST_SATELLITES,
    SIZE_CORRELATION,
    Latent,
    draw,
    mean_satellites,
)
from hepacast.phantom.outcome import END_POINTS, EndPoint, Hazards, follow
from hepacast.phantom.params import stream

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    from hepacast.phantom.outcome import Course
    from hepacast.phantom.params import PhantomParams

Predictor = Literal["combined", "imaging", "clinical", "size"]
PREDICTORS: tuple[Predictor, ...] = ("combined", "imaging", "clinical", "size")
Metric = Literal["auc", "c_index"]

_BATCH = 500
_NODES = 31
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


@dataclass(frozen=True, slots=True)
class TrueValue:
    """One true figure.

    Parameters
    ----------
    end_point : str
        ``recurrence``, ``rfs`` or ``os``.
    predictor : str
        ``combined``, ``imaging``, ``clinical`` or ``size``.
    metric : str
        ``auc`` of the end point within the horizon, nobody censored; or
        ``c_index``, Harrell's with the phantom's censoring (the limit that the
        estimate has in an endless cohort).
    value : float
        The truth.
    standard_error : float
        Of the simulation; 0 where the value is exact.
    """

    end_point: EndPoint
    predictor: Predictor
    metric: Metric
    value: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class Truth:
    """True performance of every predictor at every end point.

    Parameters
    ----------
    values : tuple of TrueValue
        One per end point, predictor and metric.
    horizon_months : float
        Of the AUC.
    patients : int
        Simulated patients behind the values.
    event_share : tuple of (end point, float)
        Share of patients who reach each end point within the horizon.
    """

    values: tuple[TrueValue, ...]
    horizon_months: float
    patients: int
    event_share: tuple[tuple[EndPoint, float], ...]

    def get(self, end_point: EndPoint, predictor: Predictor, metric: Metric = "auc") -> TrueValue:
        """Return one value."""
        wanted = (end_point, predictor, metric)
        return next(v for v in self.values if (v.end_point, v.predictor, v.metric) == wanted)

    def lines(self, end_point: EndPoint = "recurrence") -> tuple[str, ...]:
        """Return sentences ready to print."""
        share = dict(self.event_share)[end_point]
        head = (
            f"True performance for {end_point} within {self.horizon_months:g} months "
            f"(reached by {share:.0%}; {self.patients} simulated patients):"
        )
        rows = [head]
        for predictor in PREDICTORS:
            auc, c = (self.get(end_point, predictor, m) for m in ("auc", "c_index"))
            rows.append(f"  {predictor:<9} AUC {_show(auc)}   C-index {_show(c)}")
        return tuple(rows)

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "horizon_months": self.horizon_months,
            "simulated_patients": self.patients,
            "event_share": {name: round(share, 6) for name, share in self.event_share},
            "values": [
                {
                    "end_point": v.end_point,
                    "predictor": v.predictor,
                    "metric": v.metric,
                    "value": round(v.value, 6),
                    "standard_error": round(v.standard_error, 6),
                }
                for v in self.values
            ],
        }


def _show(value: TrueValue) -> str:
    """Print a value with the error of its simulation."""
    error = f"± {value.standard_error:.3f}" if value.standard_error else "exactly"
    return f"{value.value:.3f} ({error})"


def true_performance(
    params: PhantomParams, horizon_months: float | None = None, patients: int = 20_000
) -> Truth:
    """Simulate the outcome model alone, many times over.

    Parameters
    ----------
    params : PhantomParams
        Only the effects, the horizon and the seed matter.
    horizon_months : float, optional
        Instead of the one in ``params``.
    patients : int
        A multiple of 500; the error of a value is about 0.5 / sqrt(patients).

    Returns
    -------
    Truth
        Without an imaging effect the values of ``imaging`` and ``size`` are
        0.5 exactly: z is independent of everything else that acts on the
        outcome, so there is nothing to simulate.  With neither effect all are.

    Raises
    ------
    StudyError
        If ``patients`` does not divide into batches.

    Notes
    -----
    Ties count one half in both measures.  A pair is comparable for the C-index
    if the earlier time ended in the event (Harrell 1996, Stat Med 15:361).

    Examples
    --------
    >>> from hepacast.phantom.params import PhantomParams
    >>> null = true_performance(PhantomParams(effect=0), patients=1000)
    >>> null.get("recurrence", "imaging").value
    0.5
    """
    if patients < 2 * _BATCH or patients % _BATCH:
        raise StudyError(
            what=f"the truth is simulated in two or more batches of {_BATCH} patients",
            got=f"{patients} patients",
            fix="Ask for a multiple, such as 20000.",
        )
    months = params.horizon_months if horizon_months is None else horizon_months
    rng = stream(params.seed, 0, "truth")
    found: dict[tuple[EndPoint, Predictor, Metric], list[float]] = {}
    shares: dict[EndPoint, list[float]] = {name: [] for name in END_POINTS}
    for _ in range(patients // _BATCH):
        latent = draw(rng, _BATCH)
        course = follow(rng, Hazards.of_latent(params, latent))
        for end in END_POINTS:
            reached = course.within(end, months)
            shares[end].append(float(reached.mean()))
            days, event = course.observed(end)
            for predictor in PREDICTORS:
                risk = best_score(params, latent, end, predictor, months)
                found.setdefault((end, predictor, "auc"), []).append(_auc(risk, reached))
                found.setdefault((end, predictor, "c_index"), []).append(_c(risk, days, event))
    values = tuple(_summary(params, key, batch) for key, batch in found.items())
    share = tuple((name, float(np.mean(batch))) for name, batch in shares.items())
    return Truth(values, months, patients, share)


def attainable(params: PhantomParams) -> tuple[tuple[EndPoint, Predictor, float], ...]:
    """AUC that the true risks reach in the patients of this very cohort.

    A small cohort is luckier or unluckier than its population; this tells how
    much of a gap between estimate and truth is the draw of the patients.

    Parameters
    ----------
    params : PhantomParams
        The cohort; no image is made.

    Returns
    -------
    tuple of (end point, predictor, AUC within the horizon)
        As if nobody were censored.  End points that all or none of the patients
        reach are left out.

    Examples
    --------
    >>> from hepacast.phantom.params import PhantomParams
    >>> [auc for end, seen, auc in attainable(PhantomParams(effect=0)) if seen == "imaging"]
    [0.5, 0.5, 0.5]
    """
    found: list[tuple[EndPoint, Predictor, float]] = []
    drawn = [fate(params, index) for index in range(1, params.patients + 1)]
    everybody = Latent.together([latent for latent, _ in drawn])
    for end in END_POINTS:
        event = np.concatenate([c.within(end, params.horizon_months) for _, c in drawn])
        if event.all() or not event.any():
            continue
        for seen in PREDICTORS:
            score = best_score(params, everybody, end, seen, params.horizon_months)
            found.append((end, seen, round(_auc(score, event), 6)))
    return tuple(found)


def fate(params: PhantomParams, index: int) -> tuple[Latent, Course]:
    """Draw the causes of one patient and what happens to them.

    Parameters
    ----------
    params : PhantomParams
        Seed and effects.
    index : int
        Patient, counted from 1.
    """
    latent = draw(stream(params.seed, index, "latent"), 1)
    return latent, follow(stream(params.seed, index, "course"), Hazards.of_latent(params, latent))


def best_score(
    params: PhantomParams, latent: Latent, end_point: EndPoint, predictor: Predictor, months: float
) -> Float[np.ndarray, " patient"]:
    """Best score of a predictor: orders patients by their risk given what it sees.

    Parameters
    ----------
    params : PhantomParams
        Effects.
    latent : Latent
        Causes of the patients.
    end_point, predictor : str
        What is predicted, from what.
    months : float
        Horizon.

    Returns
    -------
    (patient,) float
        Higher = worse.
    """
    if predictor == "imaging":
        # Every risk rises with the hazard of recurrence, so z orders it whatever is averaged out.
        return params.effect * latent.aggressiveness
    if predictor == "size":
        return params.effect * latent.size
    if predictor == "combined":
        return Hazards.of_latent(params, latent).risk(end_point, months)
    z, weight = _aggressiveness_given_table(latent)
    hazards = Hazards.of(params, z, latent.recurrence_risk[:, None], latent.death_risk[:, None])
    return np.asarray((weight * hazards.risk(end_point, months)).sum(axis=1))


def _aggressiveness_given_table(
    latent: Latent,
) -> tuple[Float[np.ndarray, "patient node"], Float[np.ndarray, "patient node"]]:
    """Posterior of z given diameter and satellites, as nodes and weights.

    Normal given the size (Gauss-Hermite), times the likelihood of the count.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    spread = (1 - SIZE_CORRELATION**2) ** 0.5
    z = SIZE_CORRELATION * latent.size[:, None] + spread * nodes
    mean = mean_satellites(z)
    count = latent.satellites[:, None]
    capped = count >= MOST_SATELLITES
    exactly = np.exp(count * np.log(mean) - mean - gammaln(count + 1))
    likelihood = np.where(capped, pdtrc(MOST_SATELLITES - 1, mean), exactly)
    weight = weights * likelihood
    return z, weight / weight.sum(axis=1, keepdims=True)


def _summary(
    params: PhantomParams, key: tuple[EndPoint, Predictor, Metric], batch: list[float]
) -> TrueValue:
    """Mean over batches with its standard error, or one half where that is exact."""
    blind = params.effect == 0 and (key[1] in {"imaging", "size"} or params.clinical_effect == 0)
    if blind:
        return TrueValue(*key, 0.5, 0.0)
    values = np.array(batch)
    return TrueValue(*key, float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5))


def _auc(risk: Float[np.ndarray, " patient"], event: Bool[np.ndarray, " patient"]) -> float:
    """Share of pairs of a case and a control in the right order; ties count one half."""
    cases = int(event.sum())
    controls = len(event) - cases
    if not cases or not controls:
        raise StudyError(
            what="a true AUC needs patients with and without the event in every batch",
            got=f"{cases} of {len(event)} with the event",
            fix="Choose a horizon at which the event is neither rare nor certain.",
        )
    others = np.sort(risk[~event])
    below, not_above = (np.searchsorted(others, risk[event], side) for side in _SIDES)
    return float((below + not_above).mean() / (2 * controls))


def _c(
    risk: Float[np.ndarray, " patient"],
    days: Int[np.ndarray, " patient"],
    event: Bool[np.ndarray, " patient"],
) -> float:
    """Harrell's C over all pairs; ties of risk count one half, ties of time are left out."""
    earlier = (days[:, None] < days[None, :]) & event[:, None]
    gap = np.sign(risk[:, None] - risk[None, :])
    return float(0.5 + 0.5 * gap[earlier].mean())
