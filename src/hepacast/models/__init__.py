# SPDX-License-Identifier: Apache-2.0
"""Models that turn columns into a risk; each remembers the patients it learned from."""

from hepacast.models import (
    average,
    boosted,
    classifiers,
    discrete,
    fine_gray,
    fuse,
    horizon,
    icare,
    imputed,
    published,
    regression,
    ridge,
    signature,
    sparse,
    stack,
    stepwise,
)
from hepacast.models.model import MODELS, FittedModel, ModelParams, WeightedSum

__all__ = [
    "MODELS",
    "FittedModel",
    "ModelParams",
    "WeightedSum",
    "average",
    "boosted",
    "classifiers",
    "discrete",
    "fine_gray",
    "fuse",
    "horizon",
    "icare",
    "imputed",
    "published",
    "regression",
    "ridge",
    "signature",
    "sparse",
    "stack",
    "stepwise",
]
