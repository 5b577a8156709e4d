# SPDX-License-Identifier: Apache-2.0
"""One synthetic patient: images, masks, blood, outcome and the truth behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import shift as move

from hepacast.core.errors import StudyError
from hepacast.core.volume import Region, Volume
from hepacast.phantom.anatomy import draw_anatomy
from hepacast.phantom.clinical import clinical_row, diameter_mm, outcome_row
from hepacast.phantom.lesion import draw_lesion
from hepacast.phantom.outcome import Hazards
from hepacast.phantom.params import REFERENCE_PHASE, centre_of, spread, stream
from hepacast.phantom.readers import outline
from hepacast.phantom.render import Look, render
from hepacast.phantom.scanner import Scanner, expose, sampling, scanner
from hepacast.phantom.truth import fate
from hepacast.phantom.ultrasound import (
    PIXEL_MM,
    Clip,
    cut_plane,
    film,
    moment_frame,
    perfuse,
    still,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.phantom.anatomy import Anatomy
    from hepacast.phantom.clinical import Cell
    from hepacast.phantom.latent import Latent
    from hepacast.phantom.lesion import Lesion
    from hepacast.phantom.outcome import Course
    from hepacast.phantom.params import Modality, PhantomParams
    from hepacast.phantom.scanner import Sampling
    from hepacast.phantom.shapes import Distance, Point

MaskKey = tuple[str, int, str]
"""Phase, reader (from 1) and name (``tumour`` or ``liver``)."""


@dataclass(frozen=True, slots=True, eq=False)
class Patient:
    """Everything about one patient.

    Parameters
    ----------
    case : str
        Id, text: ``"P007"``.
    seed : int
        Of the cohort; two cohorts may both have a P007.
    site : str
        Centre.
    scanner : Scanner
        The centre's machine.
    modality : str
        ``ct``, ``mr`` or ``ceus``.
    phases : mapping of phase to Volume
        Images, in the order of the examination.
    masks : mapping of (phase, reader, name) to Region
        Tumour by each reader; liver (tumour included) under reader 1 only.
    clinical : mapping of column to value
        Row of the clinical table, outcome included; None is missing.
    truth : mapping of name to value
        What nobody can see: aggressiveness, hazards, uncensored times, shifts.
    clip : Clip or None
        The film of an ultrasound examination, from which the phases are stills.
    """

    case: str
    seed: int
    site: str
    scanner: Scanner
    modality: Modality
    phases: Mapping[str, Volume]
    masks: Mapping[MaskKey, Region]
    clinical: Mapping[str, Cell]
    truth: Mapping[str, Any]
    clip: Clip | None = None


def simulate_patient(params: PhantomParams, index: int) -> Patient:
    """Simulate one patient.

    Parameters
    ----------
    params : PhantomParams
        Settings of the cohort; the number of patients does not matter.
    index : int
        Patient, counted from 1.

    Raises
    ------
    StudyError
        If the patient has no number.

    Examples
    --------
    >>> from hepacast.phantom.params import PhantomParams
    >>> coarse = PhantomParams(spacing_mm=(9, 8, 8), phases=("portal",))
    >>> simulate_patient(coarse, 7).case
    'P007'
    """
    if index < 1:
        raise StudyError(
            what="phantom patients are counted from 1", got=str(index), fix="Ask for 1 or more."
        )
    latent, course = fate(params, index)
    machine = scanner(params, centre_of(params, index))
    rng = stream(params.seed, index, "anatomy")
    anatomy = draw_anatomy(rng)
    lesion = draw_lesion(
        rng,
        z=float(latent.aggressiveness[0]),
        diameter_mm=diameter_mm(latent),
        satellites=int(latent.satellites[0]),
        liver=anatomy.liver,
    )
    examine = _insonate if params.modality == "ceus" else _examine
    examined = examine(params, index, machine, (anatomy, lesion))
    clinical = clinical_row(params, latent, stream(params.seed, index, "clinical"))
    clinical |= outcome_row(course, stream(params.seed, index, "follow-up"))
    return Patient(
        case=f"P{index:03d}",
        seed=params.seed,
        site=machine.site,
        scanner=machine,
        modality=params.modality,
        phases=examined.phases,
        masks=examined.masks,
        clinical=clinical,
        truth=_truth(params, latent, course, lesion) | examined.truth,
        clip=examined.clip,
    )


@dataclass(frozen=True, slots=True)
class _Examination:
    """Images, masks, and what is known of the examination."""

    phases: dict[str, Volume]
    masks: dict[MaskKey, Region]
    truth: dict[str, object]
    clip: Clip | None = None


def _examine(
    params: PhantomParams, index: int, machine: Scanner, body: tuple[Anatomy, Lesion]
) -> _Examination:
    """Scan all phases and let the readers draw."""
    rng = stream(params.seed, index, "examination")
    where = sampling(params, machine, rng)
    uptake = float(np.clip(rng.normal(1, 0.06), 0.8, 1.2))
    shifts: dict[str, object] = {}
    done = _Examination({}, {}, {"shift_mm": shifts})
    for phase in params.phases:
        if is_missing(params, index, phase):
            continue
        shift = _breath(params, index, phase)
        shifts[phase] = [round(mm, 3) for mm in shift]
        seen = render(*body, where, Look(params.modality, phase, uptake), shift)
        chance = stream(params.seed, index, f"noise {phase}")
        done.phases[phase] = Volume(expose(seen.image, where, machine, params, chance), where.grid)
        if params.masks_on == "portal" and phase != REFERENCE_PHASE:
            continue
        done.masks[phase, 1, "liver"] = Region(seen.liver, where.grid, "liver")
        done.masks.update(_read(params, index, phase, where, seen.tumour))
    return done


def _insonate(
    params: PhantomParams, index: int, machine: Scanner, body: tuple[Anatomy, Lesion]
) -> _Examination:
    """Film a clip, take stills from it and let the readers draw on them."""
    rng = stream(params.seed, index, "examination")
    perfusion = perfuse(body[1], params.breathing_mm, rng)
    plane = cut_plane(*body)
    clip = film(plane, perfusion, machine, rng)
    truth: dict[str, object] = {
        "peak_s": round(perfusion.peak_s, 4),
        "arrival_s": round(perfusion.arrival_s, 4),
        "washout_s": round(perfusion.washout_s, 4),
        "breathing_mm": round(perfusion.breathing_mm, 4),
    }
    done = _Examination({}, {}, truth, clip)
    grid = plane.where.grid
    for phase in params.imaging_phases:
        if is_missing(params, index, phase):
            continue
        done.phases[phase] = Volume(still(clip, phase), grid)
        if params.masks_on == "portal" and phase != REFERENCE_PHASE:
            continue
        rows = perfusion.depth_mm(moment_frame(clip, phase) * clip.frame_seconds) / PIXEL_MM
        tumour = move(plane.tumour, (0, rows, 0), order=1, mode="nearest")
        liver = move(plane.liver, (0, rows, 0), order=0, mode="nearest")
        done.masks[phase, 1, "liver"] = Region(liver, grid, "liver")
        done.masks.update(_read(params, index, phase, plane.where, tumour))
    return done


def _read(
    params: PhantomParams, index: int, phase: str, where: Sampling, tumour: Distance
) -> dict[MaskKey, Region]:
    """Let the readers draw one phase."""
    second = spread(index, 0.37) < params.second_reader_share
    drawn: dict[MaskKey, Region] = {}
    for reader in (1, 2) if second else (1,):
        rng = stream(params.seed, index, f"reader {reader} {phase}")
        mask = outline(rng, tumour, where, reader)
        drawn[phase, reader, "tumour"] = Region(mask, where.grid, "tumour")
    return drawn


def is_missing(params: PhantomParams, index: int, phase: str) -> bool:
    """Whether a phase of a patient was never acquired; the portal phase always is."""
    draw_of_phase = stream(params.seed, index, f"missing {phase}").random()
    return phase != REFERENCE_PHASE and draw_of_phase < params.missing_phase_share


def _breath(params: PhantomParams, index: int, phase: str) -> Point:
    """Shift of the organs against the portal phase, mm along x, y and z."""
    if phase == REFERENCE_PHASE:
        return 0.0, 0.0, 0.0
    rng = stream(params.seed, index, f"breath {phase}")
    side, front, head = (rng.standard_normal(3) * params.breathing_mm).tolist()
    return 0.1 * side, 0.3 * front, head


def _truth(
    params: PhantomParams, latent: Latent, course: Course, lesion: Lesion
) -> dict[str, object]:
    """List what nobody can see."""
    hazards = Hazards.of_latent(params, latent)
    recurrence = float(course.recurrence_months[0])
    return {
        "aggressiveness": round(float(latent.aggressiveness[0]), 6),
        "recurrence_risk": round(float(latent.recurrence_risk[0]), 6),
        "death_risk": round(float(latent.death_risk[0]), 6),
        "size": round(float(latent.size[0]), 6),
        "recurrence_per_month": round(float(hazards.recurrence[0]), 6),
        "death_per_month": round(float(hazards.death[0]), 6),
        "recurrence_months": round(recurrence, 4) if np.isfinite(recurrence) else None,
        "death_months": round(float(course.death_months[0]), 4),
        "tumour": {
            "texture_sd": round(lesion.amplitude, 4),
            "necrosis": round(lesion.necrosis, 4),
            "washout": round(lesion.washout, 4),
            "enhancement": round(lesion.enhancement, 4),
            "roughness_mm": round(lesion.roughness_mm, 4),
            "capsule": lesion.capsule > 0,
            "corona": round(lesion.corona, 4),
            "satellites": len(lesion.satellites),
        },
    }
