# SPDX-License-Identifier: Apache-2.0
"""The grammar of a column name, and a table of cases by features."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import TableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jaxtyping import Float, Int

_TOKEN = re.compile(r"[^\s/][^/\n]*|-")
NONE = "-"
"""Token of a part of a name that does not apply (a clinical variable has no phase)."""

FAMILIES = ("shape", "shape2D", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")


@dataclass(frozen=True, slots=True, order=True)
class FeatureName:
    """What one column measures, and on what.

    Filter, family and feature tokens are PyRadiomics' own where it has the
    feature, so that :attr:`pyradiomics` is a pure re-spelling.

    Examples
    --------
    >>> name = FeatureName.parse("portal/tumour/log-sigma-3-0-mm-3D/glcm/JointEntropy")
    >>> name.phase, name.pyradiomics
    ('portal', 'log-sigma-3-0-mm-3D_glcm_JointEntropy')
    >>> str(FeatureName.clinical("AFP"))
    '-/-/-/clinical/AFP'
    """

    phase: str
    region: str
    filter: str
    family: str
    feature: str

    def __post_init__(self) -> None:
        """Keep separators out of the tokens, so that parsing is exact."""
        for token in self.tokens:
            if not _TOKEN.fullmatch(token):
                raise TableError(
                    what="a feature name has five tokens without '/' or leading blanks",
                    got=repr(token),
                    fix="Rename the phase, region or column.",
                )

    @property
    def tokens(self) -> tuple[str, str, str, str, str]:
        """The five parts, in the order in which they are printed."""
        return self.phase, self.region, self.filter, self.family, self.feature

    def __str__(self) -> str:
        return "/".join(self.tokens)

    @classmethod
    def parse(cls, text: str) -> FeatureName:
        """Read back what ``str`` wrote."""
        tokens = text.split("/")
        if len(tokens) != 5:
            raise TableError(
                what="a feature name has five tokens: phase/region/filter/family/feature",
                got=repr(text),
                fix="Write '-' for a token that does not apply.",
            )
        return cls(*tokens)

    @classmethod
    def clinical(cls, variable: str) -> FeatureName:
        """Name a column of the clinical table."""
        return cls(NONE, NONE, NONE, "clinical", variable)

    @classmethod
    def score(cls, name: str) -> FeatureName:
        """Name the output of a score or signature."""
        return cls(NONE, NONE, NONE, "score", name)

    @classmethod
    def from_column(cls, text: str, *, region: str = NONE, phase: str = NONE) -> FeatureName:
        """Read a column heading of a table made elsewhere.

        ``Liver_original_glcm_Contrast`` is PyRadiomics' feature of the region
        ``Liver``; any other heading is kept whole as the feature token.

        >>> str(FeatureName.from_column("Portal_vein_original_shape_Elongation"))
        '-/Portal_vein/original/shape/Elongation'
        >>> str(FeatureName.from_column("fatness"))
        '-/-/-/table/fatness'
        """
        if text.count("/") == 4:
            return cls.parse(text)
        parts = text.split("_")
        hits = [at for at, part in enumerate(parts) if part in FAMILIES and 0 < at < len(parts) - 1]
        if not hits:
            return cls(phase, region, NONE, "table", text.strip().replace("/", "|"))
        at = hits[-1]
        place = "_".join(parts[: at - 1]) or region
        return cls(phase, place, parts[at - 1], parts[at], "_".join(parts[at + 1 :]))

    @property
    def pyradiomics(self) -> str:
        """The name as PyRadiomics writes it, without phase and region."""
        return f"{self.filter}_{self.family}_{self.feature}"

    @property
    def label(self) -> str:
        """Short form for figures: the tokens that apply, without ``original``."""
        # A score may be called "clinical": the last token is a name, never a kind.
        skip = {NONE, "original", "clinical", "table", "score"}
        *kinds, name = self.tokens
        return " ".join([*(token for token in kinds if token not in skip), name])


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """Cases by features, with the names of both.

    Parameters
    ----------
    values : (case, feature) float64
        NaN where a value is missing.
    cases : tuple of str
        Unique id of every row; ids are text always (``"007"`` stays ``"007"``).
    columns : tuple of FeatureName
        Unique name of every column.
    patients : tuple of str
        Patient of every row; defaults to the case.  Resampling and the leak
        guard work on patients, so that two lesions of one patient never part.

    Examples
    --------
    >>> table = FeatureTable(np.eye(2), ("a", "b"), tuple(map(FeatureName.clinical, ("x", "y"))))
    >>> table.rows(["b"]).values.tolist()
    [[0.0, 1.0]]
    """

    values: Float[np.ndarray, "case feature"]
    cases: tuple[str, ...]
    columns: tuple[FeatureName, ...]
    patients: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        """Check the shape and the uniqueness of both names, and freeze the values."""
        if not self.patients:
            object.__setattr__(self, "patients", self.cases)
        if self.values.shape != (len(self.cases), len(self.columns)):
            raise TableError(
                what="a table has one row per case and one column per name",
                got=f"{self.values.shape} values, {len(self.cases)} x {len(self.columns)} names",
                fix="Pass names that fit the values.",
            )
        for kind, names in (("case", self.cases), ("column", tuple(map(str, self.columns)))):
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise TableError(
                    what=f"every {kind} of a table has its own name",
                    got=f"{twice} more than once",
                    fix=f"Rename or drop the second {kind}.",
                )
        self.values.flags.writeable = False

    def __len__(self) -> int:
        return len(self.cases)

    def rows(self, cases: Iterable[str]) -> FeatureTable:
        """Return the chosen cases, in the order asked for."""
        at = {case: row for row, case in enumerate(self.cases)}
        wanted = list(cases)
        if missing := [case for case in wanted if case not in at]:
            raise TableError(
                what="every case asked for must be in the table",
                got=f"{len(missing)} unknown, the first is {missing[0]!r}",
                fix="Join the tables on the same ids.",
            )
        keep = np.array([at[case] for case in wanted], dtype=np.intp)
        patients = tuple(self.patients[row] for row in keep)
        if len(set(wanted)) < len(wanted):
            return FeatureTable(self.values[keep], tuple(wanted), self.columns, patients)
        return self._derive(self.values[keep], self.columns, tuple(wanted), patients)

    def select(self, keep: Sequence[FeatureName] | Callable[[FeatureName], bool]) -> FeatureTable:
        """Return the chosen columns, by name (in that order) or by a test of the name."""
        names = tuple(filter(keep, self.columns)) if callable(keep) else tuple(keep)
        if names == self.columns:
            return self
        chosen = _in_order(self.columns, names)
        if chosen is not None:
            return self._derive(self._columns(chosen), names, self.cases, self.patients)
        at = {name: column for column, name in enumerate(self.columns)}
        if missing := [name for name in names if name not in at]:
            raise TableError(
                what="every column asked for must be in the table",
                got=f"{len(missing)} unknown, the first is {missing[0]}",
                fix="Extract the same features for all cohorts.",
            )
        chosen = np.array([at[name] for name in names], dtype=np.intp)
        return replace(self, values=self._columns(chosen), columns=names)

    def _columns(self, chosen: Int[np.ndarray, " name"]) -> Float[np.ndarray, "case name"]:
        """Copy columns, with rows side by side: last bits must not hang on the columns left out."""
        return np.take(self.values, chosen, axis=1)

    def with_values(
        self,
        values: Float[np.ndarray, "case feature"],
        columns: tuple[FeatureName, ...] | None = None,
    ) -> FeatureTable:
        """Return the same cases with other values (and columns)."""
        known = columns is None or columns == self.columns
        if known and values.shape == self.values.shape:
            return self._derive(values, self.columns, self.cases, self.patients)
        return replace(self, values=values, columns=self.columns if columns is None else columns)

    def _derive(
        self,
        values: Float[np.ndarray, "case feature"],
        columns: tuple[FeatureName, ...],
        cases: tuple[str, ...],
        patients: tuple[str, ...],
    ) -> FeatureTable:
        """Make a table of names that are known to be unique and to fit the values.

        Looking at tens of thousands of names again takes longer than a fit.
        """
        made = object.__new__(FeatureTable)
        parts = {"values": values, "cases": cases, "columns": columns, "patients": patients}
        for name, part in parts.items():
            object.__setattr__(made, name, part)
        values.flags.writeable = False
        return made

    def complete(self, who: str) -> Float[np.ndarray, "case feature"]:
        """Return the values for somebody who cannot work with missing ones.

        Raises
        ------
        TableError
            Naming the first column and case with a missing value.
        """
        gaps = ~np.isfinite(self.values)
        if gaps.any():
            row, column = (int(at) for at in np.argwhere(gaps)[0])
            raise TableError(
                what=f"{who} needs complete columns",
                got=f"{int(gaps.sum())} missing values, the first in {self.columns[column]}",
                fix="Put an impute step before it.",
            ).at(case=self.cases[row])
        return self.values

    def beside(self, other: FeatureTable) -> FeatureTable:
        """Put the columns of another table of the same cases to the right."""
        same = other.rows(self.cases)
        values = np.hstack([self.values, same.values])
        return replace(self, values=values, columns=self.columns + same.columns)


def _in_order(
    columns: Sequence[FeatureName], names: Sequence[FeatureName]
) -> Int[np.ndarray, " name"] | None:
    """Find names that stand in the order of the columns; None if these very objects do not.

    Filters keep the order, and hashing tens of thousands of names takes longer than they do.

    >>> a, b, c = map(FeatureName.clinical, "abc")
    >>> _in_order((a, b, c), (a, c)).tolist(), _in_order((a, b, c), (c, a))
    ([0, 2], None)
    """
    places: list[int] = []
    left = iter(names)
    wanted = next(left, None)
    for place, column in enumerate(columns):
        if column is wanted:
            places.append(place)
            wanted = next(left, None)
    return np.array(places, dtype=np.intp) if wanted is None else None
