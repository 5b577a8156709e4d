# SPDX-License-Identifier: Apache-2.0
"""What the patients are really like: the causes behind image, blood and outcome.

Two causes of recurrence, independent of one another by construction:

- ``aggressiveness`` (z) shapes the tumour in the image, and nothing else but
  the image, the diameter and the number of nodules (which the image shows);
- the ``laboratory`` values never touch a voxel.

So with no imaging effect nothing that is visible in an image, size and scanner
included, can be associated with any outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int

SIZE_CORRELATION = 0.35
"""Correlation of log diameter with aggressiveness: size is a shadow of the image's truth."""
SATELLITES_AT_ZERO, SATELLITES_PER_SD = -1.0, 0.5
"""Log mean number of satellite nodules at z = 0, and its slope."""
MOST_SATELLITES = 4

# Loadings on (liver failure, tumour markers, inflammation): the correlation of the blood values.
LOADINGS: dict[str, tuple[float, float, float]] = {
    "afp": (0.0, 0.7, 0.0),
    "albumin": (-0.7, 0.0, -0.2),
    "age": (0.0, 0.0, 0.0),
    "bilirubin": (0.6, 0.0, 0.2),
    "platelets": (-0.5, 0.0, 0.3),
    "alt": (0.2, 0.0, 0.8),
    "ast": (0.4, 0.0, 0.8),
    "ggt": (0.3, 0.2, 0.5),
    "inr": (0.7, 0.0, 0.0),
    "neutrophils": (0.0, 0.1, 0.5),
    "lymphocytes": (-0.3, 0.0, -0.2),
    "ca19_9": (0.3, 0.1, 0.1),
    "pivka_ii": (0.0, 0.7, 0.0),
}
RECURRENCE_WEIGHTS = {"afp": 0.8, "albumin": -0.6}
"""Clinical risk of recurrence: high AFP and low albumin; variance 1, as they are uncorrelated."""
DEATH_WEIGHTS = {"age": 0.5**0.5, "bilirubin": 0.5**0.5}
"""Clinical risk of death: high age and bilirubin; variance 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Latent:
    """Causes of one or many patients; every array has one entry per patient.

    Parameters
    ----------
    aggressiveness : (patient,) float
        z ~ N(0, 1); higher = worse.  Drives texture, washout, margin, necrosis.
    size : (patient,) float
        Standardised log diameter ~ N(0, 1), correlated with z only.
    satellites : (patient,) int
        Satellite nodules beside the main tumour.
    failure : (patient,) float
        Liver failure ~ N(0, 1), behind albumin, bilirubin, INR, platelets and cirrhosis.
    laboratory : (patient, variable) float
        Standardised values in the order of ``LOADINGS``; independent of the image.
    """

    aggressiveness: Float[np.ndarray, " patient"]
    size: Float[np.ndarray, " patient"]
    satellites: Int[np.ndarray, " patient"]
    failure: Float[np.ndarray, " patient"]
    laboratory: Float[np.ndarray, "patient variable"]

    def __len__(self) -> int:
        return len(self.aggressiveness)

    @classmethod
    def together(cls, parts: Sequence[Latent]) -> Latent:
        """Patients drawn one by one, as one crowd in the same order."""
        return cls(
            *(np.concatenate([getattr(part, name.name) for part in parts]) for name in fields(cls))
        )

    def value(self, variable: str) -> Float[np.ndarray, " patient"]:
        """Standardised value of one laboratory variable."""
        column: Float[np.ndarray, " patient"] = self.laboratory[:, list(LOADINGS).index(variable)]
        return column

    @property
    def recurrence_risk(self) -> Float[np.ndarray, " patient"]:
        """Clinical risk of recurrence ~ N(0, 1); higher = worse."""
        return self._mix(RECURRENCE_WEIGHTS)

    @property
    def death_risk(self) -> Float[np.ndarray, " patient"]:
        """Clinical risk of death ~ N(0, 1); higher = worse."""
        return self._mix(DEATH_WEIGHTS)

    def _mix(self, weights: dict[str, float]) -> Float[np.ndarray, " patient"]:
        """Weighted sum of laboratory values."""
        parts = [weight * self.value(variable) for variable, weight in weights.items()]
        return np.asarray(np.sum(parts, axis=0))


def draw(rng: np.random.Generator, patients: int) -> Latent:
    """Draw patients from the population.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    patients : int
        How many.

    Examples
    --------
    >>> crowd = draw(np.random.default_rng(0), 20000)
    >>> bool(abs(np.corrcoef(crowd.aggressiveness, crowd.recurrence_risk)[0, 1]) < 0.02)
    True
    """
    z = rng.standard_normal(patients)
    own = rng.standard_normal(patients)
    size = SIZE_CORRELATION * z + (1 - SIZE_CORRELATION**2) ** 0.5 * own
    satellites = np.minimum(rng.poisson(mean_satellites(z)), MOST_SATELLITES)
    factors = rng.standard_normal((patients, 3))
    loads = np.array(list(LOADINGS.values()))
    rest = np.sqrt(1 - (loads**2).sum(axis=1))
    laboratory = factors @ loads.T + rest * rng.standard_normal((patients, len(loads)))
    return Latent(z, size, satellites, factors[:, 0], laboratory)


def mean_satellites(z: Float[np.ndarray, " patient"]) -> Float[np.ndarray, " patient"]:
    """Mean number of satellites (before the cap) of patients of aggressiveness z."""
    return np.exp(SATELLITES_AT_ZERO + SATELLITES_PER_SD * z)
