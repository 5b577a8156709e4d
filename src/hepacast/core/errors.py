# SPDX-License-Identifier: Apache-2.0
"""Errors that name the rule, the value, the place and the way out."""

from __future__ import annotations

from typing import Self


class HepacastError(Exception):
    """Base of every error raised on purpose.

    Inner layers say what is wrong; outer layers add the place with :meth:`at`.

    Parameters
    ----------
    what : str
        The rule that was broken, or what was expected.
    got : str
        The offending value, as the user would recognise it.
    fix : str
        What to change, and where.

    Examples
    --------
    >>> print(GeometryError(what="spacing must be positive", got="0 mm", fix="Read again."))
    spacing must be positive; got 0 mm. Read again.
    """

    def __init__(self, *, what: str, got: str, fix: str) -> None:
        self.what, self.got, self.fix = what, got, fix
        self.where: dict[str, str] = {}
        super().__init__(what, got, fix)

    def at(self, **place: object) -> Self:
        """Add where it happened (``case=``, ``file=``, ``step=`` ...), outermost first.

        >>> error = EmptyRegionError(what="a region needs a voxel", got="none", fix="Draw it.")
        >>> print(error.at(region="ring").at(case="HCC-031"))
        [case HCC-031 > region ring] a region needs a voxel; got none. Draw it.
        """
        self.where = {**{key: str(value) for key, value in place.items()}, **self.where}
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes: keyword-only arguments need a hand."""
        return _rebuild, (type(self), self.what, self.got, self.fix, self.where)

    def __str__(self) -> str:
        trail = " > ".join(f"{key} {value}" for key, value in self.where.items())
        text = f"{self.what}; got {self.got}. {self.fix}"
        return f"[{trail}] {text}" if trail else text


def _rebuild(
    kind: type[HepacastError], what: str, got: str, fix: str, where: dict[str, str]
) -> HepacastError:
    """Make an error anew on the other side of a process boundary."""
    return kind(what=what, got=got, fix=fix).at(**where)


class StudyError(HepacastError, ValueError):
    """The study file asks for something that cannot be done."""


class TableError(HepacastError, ValueError):
    """A clinical, case or feature table breaks its own description."""


class ImageFileError(HepacastError, ValueError):
    """An image or mask file cannot be trusted."""


class WeightsError(HepacastError, ValueError):
    """A file of network weights cannot be trusted, or belongs to another network."""


class GeometryError(HepacastError, ValueError):
    """Image and mask, or two phases, do not share a space."""


class EmptyRegionError(HepacastError, ValueError):
    """A region has too few voxels for the quantity asked of it."""


class NotEstimableError(HepacastError, ValueError):
    """The cohort cannot answer the question asked of it."""


class LeakError(HepacastError, ValueError):
    """A patient would be scored by something that learned from the same patient."""
