# SPDX-License-Identifier: Apache-2.0
"""Whom a segmentation network learned from, kept with its weights without naming anybody."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.core.errors import LeakError
from hepacast.core.provenance import digest_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Lineage:
    """Digests of the patients behind a network.

    Ids are kept as digests, so that a file of weights that leaves the house names no
    patient; whoever has the id can tell whether it is among them.

    Parameters
    ----------
    digests : frozenset of str
        One per patient.

    Examples
    --------
    >>> Lineage.of(["HCC-007"]).seen(["HCC-007", "HCC-008"])
    ('HCC-007',)
    """

    digests: frozenset[str] = frozenset()

    @classmethod
    def of(cls, patients: Iterable[str]) -> Lineage:
        """Remember patients."""
        return cls(frozenset(map(_digest, patients)))

    @classmethod
    def parse(cls, text: str) -> Lineage:
        """Read what :meth:`text` wrote."""
        return cls(frozenset(map(str, json.loads(text))))

    def text(self) -> str:
        """Write it for the metadata of a file."""
        return json.dumps(sorted(self.digests))

    def seen(self, patients: Iterable[str]) -> tuple[str, ...]:
        """Return those patients whom the network learned from, in the order given."""
        return tuple(patient for patient in patients if _digest(patient) in self.digests)

    def require_unseen(self, patients: Iterable[str], who: str) -> None:
        """Refuse patients whom the network learned from.

        Raises
        ------
        LeakError
            Naming the first of them.
        """
        if again := self.seen(patients):
            raise LeakError(
                what=f"{who} may not draw patients it learned from, where they are scored",
                got=f"{len(again)} seen in training, the first is {again[0]!r}",
                fix="Cross-fit the network, or exclude these patients by id.",
            )


def _digest(patient: str) -> str:
    return digest_bytes(f"hepacast segmentation lineage {patient}".encode())[:32]
