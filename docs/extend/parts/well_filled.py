# SPDX-License-Identifier: Apache-2.0
"""A step: keep columns that are known of most training patients."""

from typing import Literal

import numpy as np
from pydantic import Field

from hepacast.core.folds import Train
from hepacast.core.params import Params
from hepacast.select.step import KeepColumns, step


class WellFilledParams(Params):
    """Settings of the well-filled step."""

    kind: Literal["well-filled"] = "well-filled"
    known_min: float = Field(default=0.8, ge=0, le=1)
    """Least share of training patients of whom a column is known."""


@step(WellFilledParams)
def well_filled(train: Train, params: WellFilledParams, rng: np.random.Generator) -> KeepColumns:
    """Keep columns that are known of most training patients."""
    known = 1 - np.isnan(train.table.values).mean(axis=0)
    return KeepColumns(train, known >= params.known_min, known, "share known")
