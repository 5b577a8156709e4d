# SPDX-License-Identifier: Apache-2.0
"""The settings of the controls, and of the run in the order of a paper."""

from __future__ import annotations

from typing import Literal

from pydantic import Field as Setting
from pydantic import NonNegativeInt

from hepacast.core.params import Params


class ControlsParams(Params):
    """Runs that must fail if everything is honest."""

    permuted_labels: NonNegativeInt = 20
    """Whole runs on shuffled outcomes."""
    random_features: NonNegativeInt = 0
    """Whole runs with every measured column replaced by noise of the same size."""
    shuffled_voxels: bool = False
    """A whole run on images whose voxels were dealt anew within each region: the histogram
    stays, the texture goes.  Needs images."""


class PublishedParams(Params):
    """What ``protocol: as-published`` does as papers do; the strict run is always beside it."""

    select_on: Literal["everybody", "develop"] = "everybody"
    """Who second readings, scaling and selection learn from, before any division: all cohorts,
    or the development cohort (then only its cross-validation is optimistic)."""
    winner: bool = True
    """Name the model that is best where it is judged, and what it then reaches."""
    printed: dict[str, dict[str, float]] = Setting(default_factory=dict)
    """What a paper prints, by model (or outcome/model) and cohort, to be shown beside."""
    missing: dict[str, str] = Setting(default_factory=dict)
    """Scores of the paper that this study does not have, and why; printed as notices."""
