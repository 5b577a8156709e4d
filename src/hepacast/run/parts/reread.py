# SPDX-License-Identifier: Apache-2.0
"""Second readings of the same cases, and the choice of columns that they agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, PositiveInt
from pydantic import Field as Setting

from hepacast.core.errors import NotEstimableError
from hepacast.core.folds import keep_columns
from hepacast.core.params import Params
from hepacast.core.provenance import digest_bytes
from hepacast.select.reliability import ReliabilityParams, reliable
from hepacast.select.step import KeepColumns
from hepacast.stats.dealing import in_case_order

if TYPE_CHECKING:
    from hepacast.core.folds import Train
    from hepacast.core.table import FeatureTable

LABEL = "icc"
"""Name of the step in funnels and lists."""


def _texts(block: object) -> object:
    """Let numbers stand for their text: readers are usually numbered."""
    return tuple(map(str, block)) if isinstance(block, list | tuple) else block


class RereadParams(Params):
    """Which columns several readings of the same cases agree on.

    The choice is fitted again in every resample, on training patients only.
    """

    readers: Annotated[
        tuple[str, ...],
        BeforeValidator(_texts, json_schema_input_type=tuple[str | int, ...]),
    ] = ()
    """Readers of the case table, the one whose masks are measured first; all by default."""
    tables: dict[str, tuple[str, ...]] = Setting(default_factory=dict)
    """For features made elsewhere: tables of the same columns from other readings, by block."""
    patients: PositiveInt | None = None
    """Most patients to take; all training patients with a second reading by default."""
    from_: Literal["develop"] = Setting(default="develop", alias="from")
    """Only patients who are learned from choose columns."""
    icc_min: float = Setting(default=0.8, ge=0, lt=1)
    """Smallest intraclass correlation accepted."""
    bound: Literal["lower", "estimate"] = "lower"
    """Compare the lower confidence limit, or the estimate, with it."""
    form: Literal["agreement", "consistency"] = "agreement"
    """ICC(2,1): absolute agreement of single readings; or ICC(3,1): consistency."""


@dataclass(frozen=True, slots=True, eq=False)
class Rereading:
    """Second readings, ready to choose columns in any training part.

    Parameters
    ----------
    readings : tuple of FeatureTable
        One per further reader, with the columns of the blocks that were read again.
    params : RereadParams
        Limit, form, bound and number of patients.
    seed : int
        Of the study; picks the patients where only some are taken.
    """

    readings: tuple[FeatureTable, ...]
    params: RereadParams
    seed: int

    def choose(self, train: Train) -> KeepColumns | None:
        """Keep the columns whose readings agree; columns that were read once all stay.

        Parameters
        ----------
        train : Train
            Its values are the first reading.  No other patient is looked at.

        Returns
        -------
        KeepColumns or None
            None where no column of ``train`` was read again.

        Raises
        ------
        NotEstimableError
            With fewer than three training cases that have all readings.
        """
        known = set(self.readings[0].columns)
        columns = train.table.columns
        again = [column for column in columns if column in known]
        if not again:
            return None
        readings = [_only(one, self._taken(train)) for one in self.readings]
        settings = ReliabilityParams(
            icc_min=self.params.icc_min, bound=self.params.bound, form=self.params.form
        )
        found = reliable(keep_columns(train, again), readings, settings)
        kept, place = set(found.outputs), {column: at for at, column in enumerate(again)}
        keep = np.array([column not in known or column in kept for column in columns])
        numbers = found.evidence if found.evidence is not None else np.zeros(len(again))
        evidence = np.array([numbers[place[c]] if c in place else np.nan for c in columns])
        return KeepColumns(in_case_order(train), keep, evidence, found.evidence_name, found.notes)

    def _taken(self, train: Train) -> frozenset[str]:
        """Pick training cases that have all readings: at most as many patients as asked for."""
        patient_of = dict(zip(train.table.cases, train.table.patients, strict=True))
        every = [set(one.cases) for one in self.readings]
        cases = [case for case in patient_of if all(case in one for one in every)]
        # By a digest, not by a draw: who is taken hardly changes when another patient leaves.
        order = sorted(
            {patient_of[case] for case in cases},
            key=lambda patient: digest_bytes(f"{self.seed}/reread/{patient}".encode()),
        )
        taken = set(order[: self.params.patients])
        return frozenset(case for case in cases if patient_of[case] in taken)


def _only(table: FeatureTable, cases: frozenset[str]) -> FeatureTable:
    """Leave the other cases of a reading out."""
    return table.rows(case for case in table.cases if case in cases)


def require_rereading(
    rereading: Rereading, develop: frozenset[str], patient_of: dict[str, str]
) -> int:
    """Count the development patients who were read again.

    Raises
    ------
    NotEstimableError
        If fewer than three of them were.
    """
    every = [set(one.cases) for one in rereading.readings]
    shared = set.intersection(*every)
    patients = {patient_of[case] for case in shared if case in patient_of} & develop
    if len(patients) < 3:
        raise NotEstimableError(
            what="reliability needs development patients who were read again",
            got=f"{len(patients)} of {len(shared)} cases with all readings",
            fix="Let a second reader draw 30 or more development patients.",
        )
    return len(patients)
