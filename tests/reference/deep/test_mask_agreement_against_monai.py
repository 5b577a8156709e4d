"""Dice and the 95th percentile of surface distances, against MONAI."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from monai.metrics.meandice import compute_dice
from scipy.ndimage import gaussian_filter

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region
from hepacast.deep.segment_scores import compare_masks


# MONAI 1.6 warns of its own use of an argument.
@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy.*:FutureWarning")
@pytest.mark.parametrize("seed", range(4))
def test_dice_and_hd95_are_monais(seed: int) -> None:
    rng = np.random.default_rng(seed)
    spacing = (3.0, 0.8, 1.2)
    fields = [gaussian_filter(rng.normal(size=(12, 30, 28)), 3) for _ in range(2)]
    masks = [field > np.quantile(field, 0.8) for field in fields]
    grid = Grid((12, 30, 28), spacing)
    ours = compare_masks(Region(masks[0], grid), Region(masks[1].copy(), grid, "liver"))
    first, second = (torch.from_numpy(np.array(mask))[None, None].float() for mask in masks)
    theirs = compute_hausdorff_distance(
        first, second, include_background=True, percentile=95, spacing=spacing
    )
    assert ours.dice == pytest.approx(float(compute_dice(first, second)[0, 0]), abs=1e-6)
    assert ours.hd95_mm == pytest.approx(float(theirs[0, 0]), abs=1e-4)
