# SPDX-License-Identifier: Apache-2.0
"""The clinical table of the phantom, and its data dictionary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hepacast.phantom.latent import LOADINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.phantom.latent import Latent
    from hepacast.phantom.outcome import Course
    from hepacast.phantom.params import PhantomParams

Cell = str | int | float | None
"""A value of the table; None is missing."""

ID = "case"


@dataclass(frozen=True, slots=True)
class Laboratory:
    """How a standardised value becomes a laboratory result.

    Parameters
    ----------
    centre, spread : float
        Mean and SD, of the logarithm where ``log``.
    low, high : float
        Limits of detection; values are held between them.
    unit, label : str
        For the dictionary.
    digits : int
        Decimals that the laboratory reports.
    log : bool
        Whether the value is log-normal.
    extra_missing : float
        Chance that it was never asked for, on top of the cohort's share.
    """

    centre: float
    spread: float
    low: float
    high: float
    unit: str
    label: str
    digits: int = 0
    log: bool = True
    extra_missing: float = 0.0

    def result(self, standard: float) -> float:
        """Value in the laboratory's unit, rounded as reported."""
        raw = self.centre + self.spread * standard
        value = float(np.clip(np.exp(raw) if self.log else raw, self.low, self.high))
        return round(value, self.digits)


def _log(middle: float) -> float:
    """Centre of a log-normal with this median."""
    return float(np.log(middle))


LABORATORIES: dict[str, Laboratory] = {
    "afp": Laboratory(_log(40), 2.0, 0.5, 60500, "ng/mL", "Alpha-fetoprotein", 1),
    "albumin": Laboratory(40.5, 4.2, 20, 55, "g/L", "Albumin", 1, log=False),
    "age": Laboratory(59, 10, 20, 90, "a", "Age", log=False),
    "bilirubin": Laboratory(_log(15), 0.45, 3, 200, "umol/L", "Total bilirubin", 1),
    "platelets": Laboratory(_log(150), 0.40, 20, 600, "10^9/L", "Platelets"),
    "alt": Laboratory(_log(36), 0.50, 5, 800, "U/L", "Alanine aminotransferase"),
    "ast": Laboratory(_log(38), 0.48, 8, 800, "U/L", "Aspartate aminotransferase"),
    "ggt": Laboratory(_log(62), 0.65, 8, 1500, "U/L", "Gamma-glutamyl transferase"),
    "inr": Laboratory(_log(1.07), 0.09, 0.8, 3, "1", "International normalised ratio", 2),
    "neutrophils": Laboratory(_log(3.2), 0.35, 0.5, 20, "10^9/L", "Neutrophils", 2),
    "lymphocytes": Laboratory(_log(1.5), 0.35, 0.2, 6, "10^9/L", "Lymphocytes", 2),
    "ca19_9": Laboratory(_log(18), 0.80, 0.6, 2000, "U/mL", "CA 19-9", 1, extra_missing=0.1),
    "pivka_ii": Laboratory(_log(120), 1.8, 5, 75000, "mAU/mL", "PIVKA-II", extra_missing=0.3),
}
_ALWAYS_KNOWN = frozenset({"age"})

MEDIAN_DIAMETER_MM, LOG_DIAMETER_SD = 38.0, 0.28
SMALLEST_MM, LARGEST_MM = 18.0, 76.0


def diameter_mm(latent: Latent) -> float:
    """Diameter of the main tumour of the first patient, whole mm."""
    raw = MEDIAN_DIAMETER_MM * float(np.exp(LOG_DIAMETER_SD * latent.size[0]))
    return float(round(np.clip(raw, SMALLEST_MM, LARGEST_MM)))


def clinical_row(
    params: PhantomParams, latent: Latent, rng: np.random.Generator
) -> dict[str, Cell]:
    """Draw what is known of one patient before treatment.

    Parameters
    ----------
    params : PhantomParams
        Share of missing values.
    latent : Latent
        Causes of one patient.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    dict
        Column to value; None where missing.  Laboratory values are missing
        completely at random.
    """
    failure = float(latent.failure[0])
    coin = rng.random(8)
    row: dict[str, Cell] = {
        "sex": "male" if coin[0] < 0.8 else "female",
        "hbsag": int(coin[1] < 0.75),
        "cirrhosis": int(coin[2] < _logistic(0.6 + 0.9 * failure)),
        "ascites": int(coin[3] < _logistic(-3.0 + 1.2 * failure)),
    }
    known: dict[str, float] = {}
    for name, laboratory in LABORATORIES.items():
        known[name] = laboratory.result(float(latent.value(name)[0]))
    # Drawn for every column whatever the share, so that the knob moves nothing else.
    luck = dict(zip(LABORATORIES, rng.random((len(LABORATORIES), 2)), strict=True))
    for name, laboratory in LABORATORIES.items():
        lost, unasked = luck[name]
        absent = lost < params.missing_value_share or unasked < laboratory.extra_missing
        if params.missing_value_share == 0:
            absent = False
        row[name] = None if absent and name not in _ALWAYS_KNOWN else known[name]
    nodules = 1 + int(latent.satellites[0])
    child = child_pugh_points(known, ascites=bool(row["ascites"]))
    row |= {
        "child_pugh": "A" if child <= 6 else "B",
        "diameter_mm": diameter_mm(latent),
        "tumour_number": nodules,
        "bclc": _bclc(diameter_mm(latent), nodules),
        "treatment": "resection" if coin[4] < 0.8 else "ablation",
    }
    return row


def child_pugh_points(known: Mapping[str, float], *, ascites: bool) -> int:
    """Child-Pugh points without encephalopathy (5 is the best; Pugh 1973, Br J Surg 60:646).

    Parameters
    ----------
    known : mapping
        ``bilirubin`` (umol/L), ``albumin`` (g/L) and ``inr``.
    ascites : bool
        Any ascites counts as slight.

    Examples
    --------
    >>> child_pugh_points({"bilirubin": 60, "albumin": 30, "inr": 1.1}, ascites=True)
    9
    """
    bilirubin = 1 + (known["bilirubin"] >= 34) + (known["bilirubin"] > 51)
    albumin = 1 + (known["albumin"] <= 35) + (known["albumin"] < 28)
    clotting = 1 + (known["inr"] >= 1.7) + (known["inr"] > 2.3)
    return int(bilirubin + albumin + clotting + 1 + int(ascites) + 1)


def _bclc(diameter: float, nodules: int) -> str:
    """BCLC stage without vascular invasion (all phantom patients are fit)."""
    if nodules == 1:
        return "0" if diameter <= 20 else "A"
    return "A" if nodules <= 3 and diameter <= 30 else "B"


def outcome_row(course: Course, rng: np.random.Generator) -> dict[str, Cell]:
    """Return what a study records about the course of one patient.

    ``response_3_months`` is known only after treatment: whoever lets it into a
    model predicts the past.
    """
    early = course.recurrence_months[0] < 9
    progress = rng.random() < (0.75 if early else 0.08)
    cause = int(course.cause[0])
    days = int(course.first_days[0])
    return {
        "response_3_months": "progression" if progress else "control",
        "recurrence_days": days,
        "recurrence_cause": cause,
        "rfs_days": days,
        "rfs_event": int(cause > 0),
        "os_days": int(course.alive_days[0]),
        "death": int(course.dead[0]),
    }


def _logistic(x: float) -> float:
    """Probability from a log odds."""
    return float(1 / (1 + np.exp(-x)))


Timing = Literal["baseline", "outcome", "follow-up"]


def dictionary() -> dict[str, dict[str, Any]]:
    """Describe every column of the clinical table, as ``fields.yaml`` holds it.

    Examples
    --------
    >>> dictionary()["afp"]["unit"]
    'ng/mL'
    """
    fields: dict[str, dict[str, Any]] = {
        ID: _field("text", "Case (synthetic)"),
        # Text, not a category: a centre must not predict.
        "site": _field("text", "Centre"),
        "sex": _category("Sex", "female", "male"),
        "hbsag": _flag("Hepatitis B surface antigen"),
        "cirrhosis": _flag("Cirrhosis"),
        "ascites": _flag("Ascites"),
    }
    for name in LOADINGS:
        laboratory = LABORATORIES[name]
        fields[name] = _field("number", laboratory.label) | {
            "unit": laboratory.unit,
            "low": laboratory.low,
            "high": laboratory.high,
        }
    return fields | {
        "child_pugh": _category("Child-Pugh class (B is 7 points and more)", "A", "B"),
        "diameter_mm": _field("number", "Largest diameter")
        | {"unit": "mm", "low": SMALLEST_MM, "high": LARGEST_MM},
        "tumour_number": _field("number", "Number of tumours") | {"unit": "1", "low": 1, "high": 5},
        "bclc": _category("BCLC stage", "0", "A", "B"),
        "treatment": _category("Treatment", "resection", "ablation"),
        "response_3_months": _category(
            "Response at 3 months (mRECIST)", "control", "progression", timing="follow-up"
        ),
        "recurrence_days": _time("Time to recurrence, death or censoring"),
        "recurrence_cause": _category(
            "0 censored, 1 recurrence, 2 death without it", "0", "1", "2", timing="outcome"
        ),
        "rfs_days": _time("Time to recurrence or death"),
        "rfs_event": _event("Recurrence or death"),
        "os_days": _time("Time to death"),
        "death": _event("Death"),
    }


def _field(kind: str, label: str, timing: Timing = "baseline") -> dict[str, Any]:
    """Entry with what every kind has."""
    return {"kind": kind, "label": label, "timing": timing}


def _category(label: str, *levels: str, timing: Timing = "baseline") -> dict[str, Any]:
    """Entry of a category; the first level is the reference."""
    return _field("category", label, timing) | {"levels": list(levels)}


def _flag(label: str) -> dict[str, Any]:
    """Entry of a yes-or-no column."""
    return _field("flag", label) | {"true": "1", "false": "0"}


def _time(label: str) -> dict[str, Any]:
    """Entry of a time to an outcome."""
    return _field("time", label, "outcome") | {"unit": "days"}


def _event(label: str) -> dict[str, Any]:
    """Entry of an event; 1 is the event."""
    return _field("event", label, "outcome") | {"true": "1", "false": "0"}
