# SPDX-License-Identifier: Apache-2.0
"""Which features stay what they are when a patient is scanned, and a region drawn, again.

Either real repetitions are compared (two scans, two readers), or they are imitated: the image is
turned, shifted and given noise, the contour grows and frays, as in Zwanenburg 2019, Sci Rep 9:614.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveInt

from hepacast.core.errors import EmptyRegionError, NotEstimableError
from hepacast.core.params import Params
from hepacast.radiomics.extraction import extract
from hepacast.radiomics.reliability import moved, noise_level, with_noise
from hepacast.regions.perturb import PerturbParams, grow_volume, randomise_contour
from hepacast.run.extraction.extract import as_pair, read_content, read_settings
from hepacast.stats.agreement import Form, icc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hepacast.core.volume import Region, Volume
    from hepacast.radiomics.params import ExtractParams
    from hepacast.run.extraction.extract import Image, Settings

Reading = dict[str, float]
"""Features of one measurement, by name."""


class RepeatParams(Params):
    """How repeated measurements are imitated, and when a feature counts as reliable."""

    kind: Literal["reliability"] = "reliability"
    copies: PositiveInt = 10
    """Imitated measurements of every case."""
    rotate_deg: NonNegativeFloat = 5.0
    """Largest rotation of image and region about the slice normal, either way."""
    shift_voxels: NonNegativeFloat = 0.5
    """Largest shift of image and region along every axis, either way."""
    noise: NonNegativeFloat | Literal["measured"] = "measured"
    """Standard deviation of the noise added, in the unit of the image; or as much as there is."""
    growth: float = Field(default=0.15, ge=0, lt=1)
    """Largest relative change of the region's volume, either way."""
    contour: bool = True
    """Let super-voxels on the border flip in or out."""
    margin_mm: NonNegativeFloat = 50.0
    """How much of the image around the region is kept; the reach of the widest filter suffices."""
    icc_min: float = Field(default=0.75, ge=0, lt=1)
    """A feature is reliable if the lower limit of its correlation exceeds this."""
    seed: int = Field(default=0, ge=0)
    """Source of chance; every case draws for itself."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Agreement of one feature.

    Parameters
    ----------
    feature : str
        Its name.
    icc, low, high : float
        Intraclass correlation and 95 % confidence limits; NaN where ``reason`` says why.
    cases, readings : int
        What it rests on: cases with all readings, and readings of each.
    reliable : bool
        The lower limit exceeds what was asked for.
    reason : str
        ``too_few_cases`` or ``constant``; empty where there is a value.
    """

    feature: str
    icc: float
    low: float
    high: float
    cases: int
    readings: int
    reliable: bool
    reason: str = ""


def repeat_settings(params: Settings) -> RepeatParams:
    """Read what settings say about reliability.

    >>> repeat_settings({"reliability": {"copies": 4}}).copies
    4
    """
    return RepeatParams.model_validate(read_content(params).get("reliability") or {})


def repeats(
    image: Volume, region: Region, params: RepeatParams, rng: np.random.Generator
) -> Iterator[tuple[Volume, Region]]:
    """Imitate repeated measurements of one region.

    Parameters
    ----------
    image : Volume
        Intensities.
    region : Region
        On the grid of the image.
    params : RepeatParams
        How far measurements differ.
    rng : numpy.random.Generator
        Source of chance.

    Yields
    ------
    image, region : Volume, Region
        A copy, cut to ``margin_mm`` around the region.

    Raises
    ------
    EmptyRegionError
        If nothing is left of a very small region.
    """
    box = region.box(int(np.ceil(params.margin_mm / min(region.grid.spacing))))
    near, drawn = image.crop(box), region.crop(box)
    sigma = params.noise
    if sigma == "measured":
        sigma = noise_level(near.crop(drawn.box(2)))
    for _ in range(params.copies):
        angle = float(rng.uniform(-params.rotate_deg, params.rotate_deg))
        k, j, i = rng.uniform(-params.shift_voxels, params.shift_voxels, 3).tolist()
        copy, inside = moved(near, drawn, angle, (k, j, i))
        copy = with_noise(copy, float(sigma), rng)
        if params.growth > 0:
            inside = grow_volume(inside, float(rng.uniform(-params.growth, params.growth)))
        if params.contour:
            inside = randomise_contour(inside, copy, rng, PerturbParams())
        yield copy, inside


def read_repeats(
    image: Image,
    mask: Image,
    params: Settings = None,
    *,
    repeat: RepeatParams | None = None,
    label: int | str | None = None,
) -> list[Reading]:
    """Extract the features of imitated repetitions of one case.

    Parameters
    ----------
    image, mask, params, label
        As for ``hepacast.extract``; ``reliability:`` in the settings says how far repetitions
        differ.
    repeat : RepeatParams, optional
        Instead of what the settings say.

    Returns
    -------
    readings : list of dict
        One per copy; empty where nothing was left of the region.
    """
    settings, door = read_settings(params)
    chosen = repeat_settings(params) if repeat is None else repeat
    volume, region = as_pair(image, mask, door, label)
    return list(_readings(volume, region, settings, chosen))


def _readings(
    image: Volume, region: Region, settings: ExtractParams, params: RepeatParams
) -> Iterator[Reading]:
    """Extract copy by copy; whatever happens to one leaves the others alone."""
    # A copy's chance depends on its number alone, so that more copies begin with the same ones.
    for n in range(params.copies):
        rng = np.random.default_rng([params.seed, n])
        one = params.model_copy(update={"copies": 1})
        try:
            ((copy, inside),) = repeats(image, region, one, rng)
            yield extract(copy, inside, settings)
        except EmptyRegionError:
            yield {}


def agreement_of(
    readings: Mapping[str, Sequence[Reading]], *, form: Form = "1,1", icc_min: float = 0.75
) -> list[Reliability]:
    """Tell for every feature how well repeated measurements agree.

    Parameters
    ----------
    readings : mapping of case to readings
        As many for every case.  A feature that any reading of a case lacks leaves this case out
        of its correlation.
    form : str
        ``"1,1"`` where the repetitions of a case have nothing to do with those of another, as
        imitated ones; ``"2,1"`` for the same scanners or readers in every case.
    icc_min : float
        A feature is reliable if the lower 95 % limit of its correlation exceeds this.

    Returns
    -------
    table : list of Reliability
        In the order of the features.

    Raises
    ------
    NotEstimableError
        If cases have different numbers of readings, or fewer than two, or if all readings of
        every case are copies of one another.

    Notes
    -----
    Source: Zwanenburg 2019, Sci Rep 9:614 (form 1,1); Shrout and Fleiss 1979, Psychol Bull
    86:420; Koo and Li 2016, J Chiropr Med 15:155 (judge by the lower limit).

    Examples
    --------
    >>> pairs = {"a": (1.0, 1.1), "b": (5.0, 5.1), "c": (9.0, 8.9), "d": (3.0, 3.0)}
    >>> found = agreement_of({n: [{"Mean": v} for v in two] for n, two in pairs.items()})
    >>> round(found[0].icc, 3), found[0].reliable
    (1.0, True)
    """
    counts = {len(many) for many in readings.values()}
    if len(counts) != 1 or min(counts) < 2:
        raise NotEstimableError(
            what="reliability needs as many readings of every case, two at least",
            got=", ".join(f"{case}: {len(many)}" for case, many in readings.items()) or "no case",
            fix="Leave out cases that were measured less often.",
        )
    names = list(dict.fromkeys(name for many in readings.values() for one in many for name in one))
    table = np.array(
        [[[one.get(name, np.nan) for name in names] for one in many] for many in readings.values()]
    ).transpose(1, 0, 2)
    if np.array_equal(table, np.broadcast_to(table[:1], table.shape), equal_nan=True):
        raise NotEstimableError(
            what="readings must be made independently",
            got="equal numbers in all readings of every case",
            fix="Check that the masks of two readers are not copies of one file.",
        )
    # Features that the same cases lack are computed together.
    groups: dict[bytes, list[int]] = defaultdict(list)
    complete = np.isfinite(table).all(axis=0)
    for column in range(len(names)):
        groups[complete[:, column].tobytes()].append(column)
    found: dict[int, Reliability] = {}
    for columns in groups.values():
        part = table[:, complete[:, columns[0]]][:, :, columns]
        for column, one in zip(columns, _agreement(part, form, icc_min), strict=True):
            found[column] = Reliability(names[column], *one)
    return [found[column] for column in range(len(names))]


def _agreement(
    part: np.ndarray, form: Form, icc_min: float
) -> list[tuple[float, float, float, int, int, bool, str]]:
    """Correlate the features that the same cases have."""
    times, cases, width = part.shape
    nan = float("nan")
    if cases < 3:
        return [(nan, nan, nan, cases, times, False, "too_few_cases")] * width
    made = icc(part, form)
    return [
        (
            float(made.estimate[n]), float(made.low[n]), float(made.high[n]), cases, times,
            bool(made.low[n] > icc_min), "constant" if made.constant[n] else "",
        )
        for n in range(width)
    ]  # fmt: skip
