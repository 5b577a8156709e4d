# SPDX-License-Identifier: Apache-2.0
"""What was measured on one case, and how it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.table import FeatureName
from hepacast.io.records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

_PICTURE = "regions"


@dataclass(frozen=True, slots=True, eq=False)
class CaseRecord:
    """What was measured on one case.

    Parameters
    ----------
    case : str
        Case id.
    key : str
        Content key of inputs and settings; an equal key means an equal record.
    features : mapping of block name to mapping of FeatureName to float
        NaN where a feature has no value; ``reasons`` says why.
    reasons : mapping of str to str
        Reason by feature, for those without a value.
    notices : tuple of (str, str)
        What was repaired or flagged.
    picture : bytes
        PNG with the regions outlined.
    """

    case: str
    key: str
    features: Mapping[str, Mapping[FeatureName, float]]
    reasons: Mapping[str, str]
    notices: tuple[tuple[str, str], ...]
    picture: bytes

    def to_record(self) -> Record:
        """Lay out the features in a row, every name with its block before it."""
        names = [f"{block}/{name}" for block, found in self.features.items() for name in found]
        values = [value for found in self.features.values() for value in found.values()]
        return Record(
            key=self.key,
            case=self.case,
            names=tuple(names),
            values=np.array(values, dtype=np.float64),
            reasons={
                name: self.reasons[feature]
                for name in names
                if (feature := name.split("/", 1)[1]) in self.reasons
            },
            notes={
                "blocks": list(self.features),
                "notices": [list(notice) for notice in self.notices],
            },
            pictures={_PICTURE: self.picture},
        )

    @classmethod
    def from_record(cls, record: Record) -> CaseRecord:
        """Read back what :meth:`to_record` laid out."""
        features: dict[str, dict[FeatureName, float]] = {b: {} for b in record.notes["blocks"]}
        for name, value in zip(record.names, record.values.tolist(), strict=True):
            block, feature = name.split("/", 1)
            features[block][FeatureName.parse(feature)] = value
        return cls(
            case=record.case,
            key=record.key,
            features=features,
            reasons={name.split("/", 1)[1]: why for name, why in record.reasons.items()},
            notices=tuple((where, text) for where, text in record.notes["notices"]),
            picture=record.pictures[_PICTURE],
        )
