# SPDX-License-Identifier: Apache-2.0
"""Masks of tumour or organ by the built-in network: prepare, train, draw, clean, compare."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from hepacast.core.errors import EmptyRegionError, GeometryError, StudyError, WeightsError
from hepacast.core.events import Listener, Noticed, ignore
from hepacast.core.params import Params
from hepacast.core.volume import Region, Volume
from hepacast.deep.frames import ScaleParams, scaled
from hepacast.deep.require import require
from hepacast.deep.segment_params import Drawn, SegmentParams
from hepacast.deep.segment_scores import MaskAgreement, compare_masks
from hepacast.imaging.resample import resample_region, resample_to
from hepacast.io.weights import read_weights, write_weights
from hepacast.regions.lesions import chosen_lesions, cleaned
from hepacast.run.masks.liver import upright_grid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hepacast.core.folds import Cohort, Fold, Train
    from hepacast.deep.segment import Segmenter


class TidyParams(Params):
    """What is done to a proposed mask."""

    keep: Literal["all", "largest"] = "largest"
    """Pieces that stay."""
    smallest_ml: Annotated[float, Field(ge=0)] = 0.1
    """Pieces below this volume are removed, mL."""
    fill_holes: bool = True
    """Fill cavities that are closed in every slice."""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """Images of one case, and its mask if somebody drew one.

    Parameters
    ----------
    phases : sequence of Volume
        On any grids of one frame; the first decides the grid of a proposed mask.
    mask : Region or None
        On the grid of the first phase.
    """

    phases: Sequence[Volume]
    mask: Region | None = None


def prepare(scan: Scan, params: SegmentParams, scale: ScaleParams) -> Drawn:
    """Bring the phases of a case to the grid and scale of a network.

    Parameters
    ----------
    scan : Scan
        Its phases, with or without a mask.
    params : SegmentParams
        Spacing and number of phases.
    scale : ScaleParams
        How intensities become 0 to 1.
    """
    if len(scan.phases) != params.in_channels:
        raise GeometryError(
            what=f"the network reads {params.in_channels} phases",
            got=f"{len(scan.phases)}",
            fix="Give all phases in the order of the settings.",
        )
    grid = upright_grid(scan.phases[0].grid, params.spacing_mm)
    channels = [scaled(resample_to(one, grid, "linear").data, scale) for one in scan.phases]
    mask = np.zeros(grid.shape, bool)
    if scan.mask is not None and scan.mask.size:
        mask = np.array(resample_region(scan.mask, grid).mask)
    return Drawn(np.stack(channels), mask)


def propose(
    segmenter: Segmenter,
    patient: str,
    scan: Scan,
    scale: ScaleParams,
    *,
    tidy: TidyParams | None = None,
    name: str = "tumour",
) -> Region:
    """Draw the region of a patient whom the network has never seen.

    Parameters
    ----------
    segmenter : Segmenter
        Trained network.
    patient : str
        Whose images they are.
    scan : Scan
        Its phases; a mask is not looked at.
    scale : ScaleParams
        As in training.
    tidy : TidyParams
        What is done to the mask then.
    name : str
        Of the region.

    Raises
    ------
    LeakError
        If the network learned from this patient.
    EmptyRegionError
        If nothing is left of the mask.
    """
    drawn = prepare(Scan(scan.phases), segmenter.params, scale)
    share = np.array(segmenter.probability(patient, drawn.image), np.float32)
    wanted = scan.phases[0].grid
    there = upright_grid(wanted, segmenter.params.spacing_mm)
    inside = resample_to(Volume(share, there), wanted, "linear", outside=0.0).data > 0.5
    rules = TidyParams() if tidy is None else tidy
    found = cleaned(
        Region(inside, wanted, name), smallest_ml=rules.smallest_ml, fill_holes=rules.fill_holes
    )
    return chosen_lesions(found, rules.keep)


@dataclass(frozen=True, slots=True, eq=False)
class CrossFitted:
    """Masks of which none was drawn by a network that had seen the patient.

    Parameters
    ----------
    masks : mapping of str to Region
        By case id.
    agreement : mapping of str to MaskAgreement
        With the given mask, where there was one.
    failed : mapping of str to str
        Cases of which nothing was found, and why.
    """

    masks: Mapping[str, Region]
    agreement: Mapping[str, MaskAgreement]
    failed: Mapping[str, str]

    def sentence(self) -> str:
        """Say the median Dice, and how many masks are poor."""
        dice = [one.dice for one in self.agreement.values()]
        poor = sum(one.poor for one in self.agreement.values())
        median = f"median Dice {np.median(dice):.3f}" if dice else "no given mask to compare with"
        return (
            f"{len(self.masks)} masks, none drawn by a network that saw the patient: {median}, "
            f"{poor} poor, {len(self.failed)} without a mask"
        )


def cross_fit(
    cohort: Cohort,
    scans: Mapping[str, Scan],
    params: SegmentParams,
    folds: Sequence[Fold],
    seed: int,
    *,
    scale: ScaleParams | None = None,
    on_event: Listener = ignore,
) -> CrossFitted:
    """Draw every patient's mask by a network trained on the others.

    Parameters
    ----------
    cohort : Cohort
        Who there is; its features and outcome are not used.
    scans : mapping of str to Scan
        By case id; training needs masks, drawing does not.
    params : SegmentParams
        Of the network.
    folds : sequence of Fold
        Every patient is scored in one of them.
    seed : int
        Of weights and patches.
    scale : ScaleParams
        How intensities become 0 to 1.
    on_event : callable
        Told of every poor mask.

    Raises
    ------
    StudyError
        If a patient is scored in no fold, or in two.
    """
    _require_each_once(cohort, folds)
    rule = ScaleParams() if scale is None else scale
    segment = require("hepacast.deep.segment")
    drawn = {case: prepare(one, params, rule) for case, one in scans.items() if one.mask}
    masks: dict[str, Region] = {}
    agreement: dict[str, MaskAgreement] = {}
    failed: dict[str, str] = {}
    for fold in folds:
        train: Train = fold.train(cohort)
        segmenter = segment.fit_segmenter(train, drawn, params, seed, on_event=on_event)
        table = fold.test(cohort)
        for case, patient in zip(table.cases, table.patients, strict=True):
            if case not in scans:
                continue
            try:
                masks[case] = propose(segmenter, patient, scans[case], rule)
            except EmptyRegionError as error:
                failed[case] = str(error)
                on_event(Noticed(case, f"no mask: {error}"))
                continue
            given = scans[case].mask
            if given is not None and given.size:
                agreement[case] = compare_masks(masks[case], given)
                if agreement[case].poor:
                    on_event(Noticed(case, agreement[case].sentence()))
    return CrossFitted(masks, agreement, failed)


def _require_each_once(cohort: Cohort, folds: Sequence[Fold]) -> None:
    scored = [patient for fold in folds for patient in fold.score]
    if sorted(scored) != sorted(set(cohort.table.patients)):
        raise StudyError(
            what="every patient must be drawn in exactly one fold",
            got=f"{len(scored)} places for {len(set(cohort.table.patients))} patients",
            fix="Pass the folds of one repeat.",
        )


def save_segmenter(segmenter: Segmenter, path: Path | str) -> None:
    """Write a network with its settings and its lineage, which names nobody.

    Parameters
    ----------
    segmenter : Segmenter
        Trained network.
    path : Path or str
        A ``.safetensors`` file.
    """
    weights = require("hepacast.deep.weights")
    metadata = {
        "segment": segmenter.params.model_dump_json(),
        "lineage": segmenter.lineage.text(),
    }
    write_weights(path, weights.arrays_of(segmenter.network), metadata)


def load_segmenter(path: Path | str) -> Segmenter:
    """Read a network that :func:`save_segmenter` wrote; it still knows whom it saw.

    Raises
    ------
    WeightsError
        If the file is of something else.
    """
    segment = require("hepacast.deep.segment")
    found = read_weights(path)
    if not {"segment", "lineage"} <= set(found.metadata):
        raise WeightsError(
            what="a segmentation network carries its settings and whom it saw",
            got="a file without them",
            fix="Train one here; weights of the liver package go to --liver and --lesion.",
        ).at(file=path)
    params = SegmentParams.model_validate(json.loads(found.metadata["segment"]))
    network = segment.build_segmenter_network(params, seed=0)
    require("hepacast.deep.weights").fit_weights(network, found.arrays, least=1.0)
    lineage = require("hepacast.deep.segment_lineage").Lineage.parse(found.metadata["lineage"])
    segmenter: Segmenter = segment.Segmenter(network.eval(), params, lineage)
    return segmenter
