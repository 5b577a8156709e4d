# SPDX-License-Identifier: Apache-2.0
"""Steps that choose or rescale columns; each remembers the patients it learned from."""

from hepacast.select import correlation, impute, scale, sparse, univariate, variance
from hepacast.select.step import STEPS, FittedStep

__all__ = [
    "STEPS",
    "FittedStep",
    "correlation",
    "impute",
    "scale",
    "sparse",
    "univariate",
    "variance",
]
