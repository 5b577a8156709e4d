# SPDX-License-Identifier: Apache-2.0
"""One door to automatic masks: the user's weights, or a program that the user installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.core.errors import EmptyRegionError
from hepacast.core.events import Listener, Noticed, ignore
from hepacast.deep.segment_scores import MaskAgreement, compare_masks
from hepacast.io.images import read_image, read_region
from hepacast.io.nifti import write_nifti
from hepacast.io.programs import run_program
from hepacast.io.voxels import MaskRule
from hepacast.run.masks.liver import load_keras, propose_lesions, propose_liver

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.core.params import Params
    from hepacast.core.volume import Region, Volume
    from hepacast.deep.liver import Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to draw, and with what.

    Parameters
    ----------
    liver, lesion : Path or None
        Converted weights of pyliverlesionseg; lesions need a liver, drawn or given.
    program : Params or None
        Settings of an installed program, instead of the weights.
    modality : {"ct", "mr"}
        Decides the scale.
    given : Path or None
        A mask of the liver, to compare with; lesions are then looked for in it.
    label : int or None
        Its value in ``given``.
    """

    liver: Path | None = None
    lesion: Path | None = None
    program: Params | None = None
    modality: Modality = "ct"
    given: Path | None = None
    label: int | None = None


def draw(
    image_path: Path, out: Path, wish: Wish, *, on_event: Listener = ignore
) -> tuple[dict[str, Path], MaskAgreement | None]:
    """Draw the regions of one image, and write them beside one another.

    Parameters
    ----------
    image_path : Path
        NIfTI, NRRD or a DICOM series.
    out : Path
        Folder for ``liver.nii.gz`` and ``tumour.nii.gz``.
    wish : Wish
        What to draw.
    on_event : callable
        Told of every poor mask.

    Returns
    -------
    masks : dict of str to Path
        File by region.
    agreement : MaskAgreement or None
        Of the liver with the given mask.
    """
    image = read_image(image_path, on_event=on_event)
    given = None
    if wish.given is not None:
        rule = MaskRule() if wish.label is None else MaskRule(label=wish.label)
        given = read_region(wish.given, "liver", image.grid, rule, on_event=on_event)
    found = _regions(image, wish, given, on_event)
    agreement = None
    if given is not None and "liver" in found:
        agreement = compare_masks(found["liver"], given)
        if agreement.poor:
            on_event(Noticed(str(image_path), agreement.sentence()))
    out.mkdir(parents=True, exist_ok=True)
    masks = {name: out / f"{name}.nii.gz" for name in found}
    for name, region in found.items():
        write_nifti(region, masks[name])
    return masks, agreement


def _regions(
    image: Volume, wish: Wish, given: Region | None, on_event: Listener
) -> dict[str, Region]:
    found: dict[str, Region] = {}
    if wish.program is not None:
        found["liver"] = run_program(wish.program, [image], "liver")
    elif wish.liver is not None:
        found["liver"] = propose_liver(image, load_keras(wish.liver, "liver"), wish.modality)
    organ = given if given is not None else found.get("liver")
    if wish.lesion is not None and organ is not None:
        weights = load_keras(wish.lesion, "lesion")
        try:
            found["tumour"] = propose_lesions(image, organ, weights, wish.modality)
        except EmptyRegionError:
            # A liver without lesions is a finding, and its mask is kept.
            on_event(Noticed("lesions", "the network finds none; that is no proof of absence"))
    return found
