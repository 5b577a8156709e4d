# SPDX-License-Identifier: Apache-2.0
"""A weighted sum of named features that travels as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import StudyError
from hepacast.core.provenance import canonical_json
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.models.model import complete

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.models.model import WeightedSum


@dataclass(frozen=True, slots=True)
class Signature:
    """Rad-score, DL-score and the like: an offset and weights per unit of each feature.

    Parameters
    ----------
    name : str
        Of the column of scores.
    offset : float
        Added to the sum, so that the mean training case has score 0.
    weights : mapping of FeatureName to float
        Per unit of each feature; higher scores are worse.

    Examples
    --------
    >>> volume = FeatureName.parse("portal/tumour/original/shape/MeshVolume")
    >>> score = Signature("Rad-score", -1.0, {volume: 0.5})
    >>> Signature.from_json(score.to_json()) == score
    True
    >>> score.score(FeatureTable(np.array([[4.0]]), ("HCC-1",), (volume,))).values.tolist()
    [[1.0]]
    """

    name: str
    offset: float
    weights: Mapping[FeatureName, float]

    @classmethod
    def of(cls, model: WeightedSum) -> Signature:
        """Take the formula out of a fitted model; it no longer knows whom it saw."""
        return cls(model.name, model.offset, dict(model.coefficients))

    def score(self, table: FeatureTable) -> FeatureTable:
        """Return the score of each case.

        Raises
        ------
        TableError
            If a feature or value is missing.
        """
        values = complete(table.select(tuple(self.weights)), self.name)
        total = values @ np.array(list(self.weights.values()), dtype=np.float64) + self.offset
        return table.with_values(total[:, None], (FeatureName.score(self.name),))

    def to_json(self) -> str:
        """Write it; equal signatures give equal text."""
        weights = {str(column): weight for column, weight in self.weights.items()}
        return canonical_json({"name": self.name, "offset": self.offset, "weights": weights})

    @classmethod
    def from_json(cls, text: str) -> Signature:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        StudyError
            If the text is not a signature.
        """
        try:
            data = json.loads(text)
            weights = {FeatureName.parse(key): float(one) for key, one in data["weights"].items()}
            return cls(str(data["name"]), float(data["offset"]), weights)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StudyError(
                what="a signature is JSON with name, offset and weights",
                got=text[:60],
                fix="Export it again with Signature.to_json.",
            ) from error
