# SPDX-License-Identifier: Apache-2.0
"""Steps that choose or rescale columns; each remembers the patients it learned from."""

from hepacast.select import (
    boruta,
    chained,
    columns,
    combat,
    correlation,
    dichotomise,
    eliminate,
    impute,
    mrmr,
    reliability,
    scale,
    sparse,
    stability,
    univariate,
    variance,
)
from hepacast.select.step import STEPS, FittedStep

__all__ = [
    "STEPS",
    "FittedStep",
    "boruta",
    "chained",
    "columns",
    "combat",
    "correlation",
    "dichotomise",
    "eliminate",
    "impute",
    "mrmr",
    "reliability",
    "scale",
    "sparse",
    "stability",
    "univariate",
    "variance",
]
