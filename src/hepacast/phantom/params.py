# SPDX-License-Identifier: Apache-2.0
"""The knobs of the phantom cohort, and its streams of chance."""

from __future__ import annotations

import zlib
from typing import Literal, Self

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from hepacast.core.params import Params

Modality = Literal["ct", "mr", "ceus"]
Phase = Literal["native", "arterial", "portal", "delayed"]

REFERENCE_PHASE = "portal"
"""The phase that every patient has; the others are drawn relative to it."""

_GOLDEN = (5**0.5 - 1) / 2


class PhantomParams(Params):
    """Settings of a synthetic cohort; equal settings give equal bytes.

    Examples
    --------
    >>> PhantomParams(effect=0).patients
    60
    """

    patients: int = Field(default=60, ge=1, le=9999)
    """Number of patients; patient 7 is the same in a cohort of 10 and of 60."""
    seed: int = Field(default=1, ge=0)
    """Where all chance comes from."""
    modality: Modality = "ct"
    """What was scanned: multi-phase CT, contrast-enhanced T1 MR, or contrast ultrasound."""
    phases: tuple[Phase, ...] = ("arterial", "portal", "delayed")
    """Phases of CT and MR; the portal phase must be among them. Ultrasound ignores this."""
    effect: float = Field(default=1.4, ge=-4, le=4)
    """Log hazard of recurrence per SD of what the image shows; 0 is the null cohort."""
    clinical_effect: float = Field(default=0.6, ge=-4, le=4)
    """Log hazard of recurrence per SD of the clinical risk (AFP and albumin); it also scales
    how age and bilirubin act on death."""
    horizon_months: PositiveFloat = 24.0
    """Moment at which the true AUC is stated, months."""
    centres: int = Field(default=2, ge=1, le=9)
    """Centres, each with its own scanner: noise, kernel and voxel size."""
    centre_sizes: tuple[PositiveInt, ...] = ()
    """Patients of every centre, one centre after the other; they add up to all. By default every
    centre has as many, dealt in turn."""
    missing_phase_share: float = Field(default=0.0, ge=0, le=0.9)
    """Chance that a phase other than the portal one is absent."""
    missing_value_share: float = Field(default=0.04, ge=0, le=0.9)
    """Chance that a laboratory value is absent (completely at random)."""
    second_reader_share: float = Field(default=0.4, ge=0, le=1)
    """Share of the patients whose tumour a second reader drew as well."""
    breathing_mm: float = Field(default=3.0, ge=0, le=20)
    """SD of the head-to-foot shift of the organs between phases, mm."""
    spacing_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = (3.0, 2.5, 2.5)
    """Nominal voxel size of the first centre along (k, j, i), mm; ultrasound has its own."""
    masks_on: Literal["every-phase", "portal"] = "every-phase"
    """Whether readers drew on every phase, or on the portal one only (then the shift between
    phases is the user's to correct)."""
    format: Literal["nifti", "dicom"] = "nifti"
    """How CT and MR are written; masks and ultrasound stills are always NIfTI, films DICOM."""

    @model_validator(mode="after")
    def _needs_the_reference(self) -> Self:
        """Refuse a list of phases without the reference, or with one twice."""
        if REFERENCE_PHASE not in self.phases or len(set(self.phases)) < len(self.phases):
            msg = f"phases must name {REFERENCE_PHASE!r} and none twice, got {self.phases}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _everybody_has_a_centre(self) -> Self:
        """Refuse centres that do not add up."""
        if self.centre_sizes and sum(self.centre_sizes) != self.patients:
            msg = f"centre_sizes must add up to {self.patients}, got {self.centre_sizes}"
            raise ValueError(msg)
        return self

    @property
    def imaging_phases(self) -> tuple[str, ...]:
        """Names of the images that a complete patient has.

        >>> PhantomParams(modality="ceus").imaging_phases
        ('greyscale', 'arterial', 'portal', 'late')
        """
        if self.modality == "ceus":
            return "greyscale", "arterial", "portal", "late"
        return self.phases


def stream(seed: int, index: int, purpose: str) -> np.random.Generator:
    """Return the generator of one purpose of one patient.

    Separate streams keep the knobs apart: dropping a phase or changing the
    effect moves no other number.

    Parameters
    ----------
    seed : int
        Seed of the cohort.
    index : int
        Patient, counted from 1; 0 is the population.
    purpose : str
        What is drawn.

    Examples
    --------
    >>> a, b = (stream(1, 7, "anatomy").random() for _ in range(2))
    >>> a == b
    True
    """
    return np.random.default_rng([seed, index, zlib.crc32(purpose.encode())])


def centre_of(params: PhantomParams, index: int) -> int:
    """Return the centre of a patient, counted from 0.

    Examples
    --------
    >>> uneven = PhantomParams(patients=5, centre_sizes=(3, 2))
    >>> [centre_of(uneven, index) for index in range(1, 6)]
    [0, 0, 0, 1, 1]
    """
    if not params.centre_sizes:
        return int(spread(index) * params.centres)
    return int(np.searchsorted(np.cumsum(params.centre_sizes), index))


def spread(index: int, offset: float = 0.0) -> float:
    """Return a number in [0, 1) that fills the interval evenly over the patients.

    Site and second reader are dealt with it, not drawn: every share is then
    met in small cohorts too, and no patient depends on how many there are.

    Examples
    --------
    >>> sum(spread(index) < 0.4 for index in range(1, 51))
    20
    """
    return (index * _GOLDEN + offset) % 1.0
