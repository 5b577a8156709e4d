# SPDX-License-Identifier: Apache-2.0
"""A feature family: how far apart the quartiles of the intensities lie."""

from typing import Literal

import numpy as np

from hepacast.radiomics.families.registry import FAMILIES, Family, Numbers, catalogue
from hepacast.radiomics.sample import Sample
from hepacast.radiomics.settings import FamilyParams

FEATURES = catalogue(
    """
    QuartileGap | | image | third quartile - first quartile
    QuartileSkew | | 1 | (Q3 - 2 Q2 + Q1) / (Q3 - Q1); 0 where Q3 = Q1
    """
)


class SpreadParams(FamilyParams):
    """Settings of the quartile features."""

    kind: Literal["spread"] = "spread"


def spread(sample: Sample, params: FamilyParams) -> Numbers:
    """Compute the quartile features of one region of one image."""
    low, middle, high = np.percentile(sample.values, (25, 50, 75))
    gap = float(high - low)
    skew = float(high - 2 * middle + low) / gap if gap > 0 else 0.0
    return {"QuartileGap": gap, "QuartileSkew": skew}


FAMILIES.register(SpreadParams)(Family(FEATURES, spread, "Bowley 1901, for the skewness"))
