# SPDX-License-Identifier: Apache-2.0
"""Which images belong together: one stack per phase, whatever the series identifiers say.

Scanners and archives put two phases into one series, give every slice its own
series, or split one acquisition.  Images are grouped by what they show (patient,
study, orientation, size, spacing, kernel, type), then divided where positions
repeat, and joined where only the identifier differs.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from hepacast.core.events import Listener, Noticed, ignore
from hepacast.io.dicom.descriptions import clean_text
from hepacast.io.dicom.header import SECONDARY_CAPTURE, SliceHeader

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

Kind = Literal["image", "localizer", "screenshot", "reformat", "clip", "object"]

_CLOCKS = (
    "acquisition", "temporal", "acquisition_time", "trigger_time", "content_time", "b_value",
    "echo_time",
)  # fmt: skip
_REFORMATS = {
    "MPR", "REFORMATTED", "PROJECTION IMAGE", "MIP", "MINIP", "CURVED MPR", "MPR COLLECTION",
}  # fmt: skip
_LOCALIZERS = ("localizer", "localiser", "scout", "topogram", "surview", "scanogram")
SAME_PLACE_MM = 0.01
"""Slices nearer than this to one another are at one position."""


@dataclass(frozen=True, slots=True)
class Series:
    """Images that form one stack.

    Parameters
    ----------
    slices : tuple of SliceHeader
        Along the normal of the images, from the patient's feet (or right, or front) on.
    kind : str
        ``image``; or what it is instead: ``localizer``, ``screenshot``, ``reformat``,
        ``clip`` (ultrasound frames over time), ``object`` (report, segmentation ...).
    part : int
        Which of several phases of one series this is, in order of time.
    parts : int
        How many phases that series holds.
    """

    slices: tuple[SliceHeader, ...]
    kind: Kind
    part: int = 0
    parts: int = 1

    @property
    def first(self) -> SliceHeader:
        """The header that speaks for all."""
        return self.slices[0]

    @property
    def uid(self) -> str:
        """SeriesInstanceUID of the first image."""
        return self.first.series_uid

    @property
    def time(self) -> float | None:
        """Earliest acquisition (or content) time, seconds since midnight."""
        times = [s.acquisition_time for s in self.slices if s.acquisition_time is not None]
        times = times or [s.content_time for s in self.slices if s.content_time is not None]
        return min(times) if times else None

    def describe(self) -> str:
        """One line for messages, without the patient and without what a typist added."""
        head = self.first
        words = clean_text(head.description)
        phase = f" (phase {self.part + 1} of {self.parts})" if self.parts > 1 else ""
        label = f" {words!r}" if words else ""
        return (
            f"{len(self.slices)} {head.modality or 'DICOM'} {self.kind}s{label}{phase} {self.uid}"
        )


def positions(slices: Sequence[SliceHeader]) -> np.ndarray:
    """Distance of every slice along the common normal, mm; all 0 where positions are unknown."""
    head = slices[0]
    if head.orientation is None or any(s.position is None for s in slices):
        return np.zeros(len(slices))
    row, column = np.array(head.orientation[:3]), np.array(head.orientation[3:])
    return np.asarray([s.position for s in slices], dtype=np.float64) @ np.cross(row, column)


def sort_series(
    headers: Iterable[SliceHeader],
    *,
    fingerprint: Callable[[SliceHeader], Hashable],
    on_event: Listener = ignore,
) -> tuple[Series, ...]:
    """Group headers into stacks.

    Parameters
    ----------
    headers : iterable of SliceHeader
        Of any number of patients, studies and series, in any order.
    fingerprint : callable
        Equal for images with equal pixels; asked only where two images share a place.
    on_event : callable
        Told of every regrouping.

    Returns
    -------
    tuple of Series
        By patient, study, time and series number.
    """
    groups: dict[Hashable, list[SliceHeader]] = defaultdict(list)
    for header in headers:
        groups[header.series_uid, *_looks(header)].append(header)
    found: list[Series] = []
    for group in _rejoined(list(groups.values()), on_event):
        kind = _kind(group)
        if kind != "image":
            found.append(Series(_in_order(group), kind))
            continue
        parts = sorted(_phases(group, fingerprint, on_event), key=_when)
        found += [Series(_in_order(part), kind, at, len(parts)) for at, part in enumerate(parts)]
    return tuple(sorted(found, key=_rank))


def _rank(series: Series) -> tuple[object, ...]:
    head = series.first
    number = head.series_number if head.series_number is not None else 1 << 30
    return (head.patient, head.study_date, head.study_uid, number, head.series_uid, series.part)


def _looks(header: SliceHeader) -> tuple[Hashable, ...]:
    """Tell what images of one stack have in common."""
    orientation = header.orientation and tuple(round(n, 2) + 0.0 for n in header.orientation)
    spacing = header.spacing and tuple(round(n, 3) for n in header.spacing)
    return (
        header.patient,
        header.study_uid,
        header.modality,
        header.sop_class,
        orientation,
        header.rows,
        header.columns,
        spacing,
        header.kernel,
        header.image_type,
    )


def _kind(group: Sequence[SliceHeader]) -> Kind:
    head = group[0]
    words = {word.upper() for word in head.image_type}
    if head.rows == 0 or head.modality in {"SEG", "RTSTRUCT", "SR", "PR", "KO"}:
        return "object"
    if head.sop_class.startswith(SECONDARY_CAPTURE) and head.position is None:
        return "screenshot"
    if "LOCALIZER" in words or head.description.lower().startswith(_LOCALIZERS):
        return "localizer"
    if head.frames > 1 and head.position is None:
        return "clip"
    return "reformat" if words & _REFORMATS else "image"


def _in_order(group: Sequence[SliceHeader]) -> tuple[SliceHeader, ...]:
    at = positions(group)
    order = sorted(range(len(group)), key=lambda n: (at[n], group[n].instance or 0, group[n].frame))
    return tuple(group[n] for n in order)


def _when(group: Sequence[SliceHeader]) -> tuple[float, ...]:
    clocks = ("acquisition_time", "temporal", "trigger_time", "content_time", "acquisition")
    firsts = [
        min((v for s in group if (v := getattr(s, clock)) is not None), default=float("inf"))
        for clock in clocks
    ]
    return (*firsts, min(s.instance or 0 for s in group))


def _rejoined(groups: list[list[SliceHeader]], on_event: Listener) -> list[list[SliceHeader]]:
    """Join groups that differ in their series identifier only."""
    alike: dict[Hashable, list[list[SliceHeader]]] = defaultdict(list)
    for group in groups:
        alike[_looks(group[0])].append(group)
    joined: list[list[SliceHeader]] = []
    for family in alike.values():
        single = len(family) > 2 and all(len(group) == 1 for group in family)
        if single and family[0][0].position is not None:
            merged = [group[0] for group in family]
            joined.append(_under_one_uid(merged))
            on_event(Noticed(_place(merged), f"{len(merged)} series of one slice joined"))
            continue
        joined += _rejoined_exposures(family, on_event)
    return joined


def _rejoined_exposures(
    family: list[list[SliceHeader]], on_event: Listener
) -> list[list[SliceHeader]]:
    """Join pieces of one acquisition that interleave or adjoin into one regular stack."""
    pieces: dict[tuple[Hashable, ...], list[list[SliceHeader]]] = defaultdict(list)
    for group in family:
        head = group[0]
        key = head.frame_of_reference, head.description, head.series_number, head.acquisition
        pieces[key].append(group)
    joined: list[list[SliceHeader]] = []
    for parts in pieces.values():
        merged = [header for part in parts for header in part]
        if len(parts) > 1 and merged[0].frame_of_reference and _regular(merged):
            joined.append(_under_one_uid(merged))
            on_event(Noticed(_place(merged), f"{len(parts)} pieces of one acquisition joined"))
        else:
            joined += parts
    return joined


def _under_one_uid(group: Sequence[SliceHeader]) -> list[SliceHeader]:
    uid = min(header.series_uid for header in group)
    return [replace(header, series_uid=uid) for header in group]


def _place(group: Sequence[SliceHeader]) -> str:
    return f"series {min(header.series_uid for header in group)}"


def _regular(group: Sequence[SliceHeader]) -> bool:
    steps = np.diff(np.sort(positions(group)))
    if steps.size < 2:
        return False
    middle = float(np.median(steps))
    return middle > SAME_PLACE_MM and bool(np.all(np.abs(steps - middle) <= 0.01 * middle + 0.01))


def _repeats(group: Sequence[SliceHeader]) -> bool:
    return bool(np.any(np.diff(np.sort(positions(group))) < SAME_PLACE_MM))


def _phases(
    group: list[SliceHeader],
    fingerprint: Callable[[SliceHeader], Hashable],
    on_event: Listener,
) -> list[list[SliceHeader]]:
    """Divide a group into stacks in which every position occurs once, as far as possible."""
    if len(group) < 2 or group[0].position is None or group[0].orientation is None:
        return [group]
    parts = _by_clock(group, on_event)
    if parts is None and _repeats(group):
        group = _without_copies(group, fingerprint, on_event)
        parts = _by_clock(group, on_event) or _by_runs(group, on_event)
    return parts or [group]


def _by_clock(group: list[SliceHeader], on_event: Listener) -> list[list[SliceHeader]] | None:
    for clock in _CLOCKS:
        parts: dict[object, list[SliceHeader]] = defaultdict(list)
        for header in group:
            parts[getattr(header, clock)].append(header)
        values = list(parts.values())
        if None not in parts and _are_phases(values) and not _interleaved(group, values):
            text = f"{len(values)} phases in one series, divided by {clock.replace('_', ' ')}"
            on_event(Noticed(_place(group), text))
            return values
    return None


def _are_phases(parts: list[list[SliceHeader]]) -> bool:
    """Two or more stacks of three or more slices that show the same part of the body."""
    if len(parts) < 2 or min(len(part) for part in parts) < 3:
        return False
    if any(_repeats(part) for part in parts):
        return False
    ends = [(at.min(), at.max()) for at in map(positions, parts)]
    common = min(high for _, high in ends) - max(low for low, _ in ends)
    return bool(common > 0.5 * min(high - low for low, high in ends))


def _interleaved(group: list[SliceHeader], parts: list[list[SliceHeader]]) -> bool:
    """Tell the passes of one acquisition from phases that happen to lie between one another.

    MR often takes odd slices first and even ones later.  Geometry alone cannot tell;
    the slice thickness fits the steps of the whole then, not those of a part.
    """
    thickness = group[0].thickness
    if thickness is None or not _regular(group):
        return False
    whole = float(np.median(np.diff(np.sort(positions(group)))))
    part = float(np.median(np.diff(np.sort(positions(parts[0])))))
    return abs(whole - thickness) < abs(part - thickness)


def _without_copies(
    group: list[SliceHeader],
    fingerprint: Callable[[SliceHeader], Hashable],
    on_event: Listener,
) -> list[SliceHeader]:
    """Drop images that another one at the same place repeats, pixel by pixel."""
    ordered = _in_order(group)
    at = positions(ordered)
    kept: list[SliceHeader] = []
    place_of_kept: list[float] = []
    for header, place in zip(ordered, at, strict=True):
        here = [
            other
            for other, where in zip(kept[-64:], place_of_kept[-64:], strict=True)
            if abs(where - place) < SAME_PLACE_MM
        ]
        if here and fingerprint(header) in {fingerprint(other) for other in here}:
            continue
        kept.append(header)
        place_of_kept.append(float(place))
    if len(kept) < len(group):
        on_event(Noticed(_place(group), f"{len(group) - len(kept)} identical slices dropped"))
    return kept


def _by_runs(group: list[SliceHeader], on_event: Listener) -> list[list[SliceHeader]] | None:
    """Divide by the instance numbers, where they run through one stack after the other."""
    if any(header.instance is None for header in group):
        return None
    ordered = sorted(group, key=lambda header: header.instance or 0)
    at = positions(ordered)
    count = int(np.sum(np.abs(at - at[0]) < SAME_PLACE_MM))
    size, rest = divmod(len(ordered), count)
    runs = [ordered[n * size : (n + 1) * size] for n in range(count)]
    if rest or not _are_phases(runs):
        return None
    on_event(Noticed(_place(group), f"{count} phases in one series, divided by instance number"))
    return runs
