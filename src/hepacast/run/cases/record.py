# SPDX-License-Identifier: Apache-2.0
"""What was measured on one case, and how it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    pictures : mapping of str to bytes
        PNG by what it shows; ``regions`` has the outlines.
    facts : tuple of (phase, region, voxels, mL, mean, 5th, 95th percentile)
        What every region holds.
    left_out : tuple of mapping
        Errors of single regions, where others of the case could be measured.
    """

    case: str
    key: str
    features: Mapping[str, Mapping[FeatureName, float]]
    reasons: Mapping[str, str]
    notices: tuple[tuple[str, str], ...]
    pictures: Mapping[str, bytes]
    facts: tuple[tuple[str, str, int, float, float, float, float], ...] = ()
    left_out: tuple[Mapping[str, Any], ...] = ()

    @property
    def picture(self) -> bytes:
        """PNG with the regions outlined."""
        return self.pictures[_PICTURE]

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
                "facts": [list(fact) for fact in self.facts],
                "left_out": [dict(error) for error in self.left_out],
            },
            pictures=dict(self.pictures),
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
            pictures=dict(record.pictures),
            facts=tuple(
                (phase, region, voxels, ml, mean, low, high)
                for phase, region, voxels, ml, mean, low, high in record.notes["facts"]
            ),
            left_out=tuple(record.notes["left_out"]),
        )
