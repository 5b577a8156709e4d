# SPDX-License-Identifier: Apache-2.0
"""Feature tables of synthetic patients without their images: thousands of columns in seconds.

Patients, blood values and outcomes are those of the phantom's images; what is
drawn here instead of measured are the columns.
"""

from __future__ import annotations

import csv
import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import yaml

from hepacast.core.errors import StudyError
from hepacast.core.table import FeatureName, FeatureTable
from hepacast.phantom.clinical import clinical_row, dictionary, outcome_row
from hepacast.phantom.params import stream
from hepacast.phantom.truth import fate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jaxtyping import Float

    from hepacast.phantom.params import PhantomParams

FACTORS = 30
"""Causes of the columns that have nothing to do with any outcome (shape, noise, scanner)."""
_FAMILIES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")


@dataclass(frozen=True, slots=True)
class Block:
    """Columns of one feature block.

    Parameters
    ----------
    phases, regions : tuple of str
        Every pair gets the same features.
    features : int
        Per pair.
    signal : float
        Share of the columns that see the tumour's aggressiveness.
    strength : float
        Correlation of such a column with it; 0 to 1.
    family : str
        Family token; radiomic families in turn if empty.
    """

    phases: tuple[str, ...]
    regions: tuple[str, ...]
    features: int
    signal: float = 0.02
    strength: float = 0.45
    family: str = ""

    def names(self) -> tuple[FeatureName, ...]:
        """Name every column; the first of every pair is the tumour's volume.

        >>> Block(("A",), ("tumour",), 2).names()[0].feature
        'MeshVolume'
        """
        found = []
        for phase in self.phases:
            for region in self.regions:
                for at in range(self.features):
                    family = self.family or _FAMILIES[at % len(_FAMILIES)]
                    first = at == 0 and not self.family
                    feature = "MeshVolume" if first else f"x{at}"
                    found.append(FeatureName(phase, region, "original", family, feature))
        return tuple(found)


def draw_sheet(
    params: PhantomParams, block: Block, *, reading: int = 1, purpose: str = "sheet"
) -> FeatureTable:
    """Draw the columns of one block for every patient.

    A column is the aggressiveness times its loading, plus one of some nuisance
    factors, plus noise of its own; volumes follow the tumour's size.  Another
    reading adds the noise of drawing the region again, which is large in every
    third column.

    Parameters
    ----------
    params : PhantomParams
        Patients, seed and effects.
    block : Block
        Columns; loadings hang on the block, not on the seed: other seeds are
        other patients of the same population.
    reading : int
        1 is the first reading.
    purpose : str
        Name of the columns' stream; blocks with other names load on other columns.

    Examples
    --------
    >>> from hepacast.phantom.params import PhantomParams
    >>> block = Block(("A",), ("tumour",), 8)
    >>> one, again = (draw_sheet(PhantomParams(patients=40), block, reading=r) for r in (1, 2))
    >>> columns = zip(one.values.T, again.values.T, strict=True)
    >>> [bool(np.corrcoef(a, b)[0, 1] > 0.9) for a, b in columns][:4]
    [True, True, False, True]
    """
    names = block.names()
    rng = np.random.default_rng([zlib.crc32(purpose.encode()), len(names)])
    seen = rng.random(len(names)) < block.signal
    seen[: int(block.signal > 0)] = True
    loading = np.where(seen, block.strength * rng.choice([-1.0, 1.0], len(names)), 0.0)
    factor = rng.integers(FACTORS, size=len(names))
    weight = np.sqrt(np.maximum(0.5 - loading**2 / 2, 0.0))
    own = np.sqrt(np.maximum(1 - loading**2 - weight**2, 0.0))
    again = np.where(np.arange(len(names)) % 3 == 2, 1.0, 0.1)
    volume = np.array([name.feature == "MeshVolume" for name in names])
    values = np.empty((params.patients, len(names)))
    for index in range(1, params.patients + 1):
        latent, _ = fate(params, index)
        chance = stream(params.seed, index, f"{purpose} columns")
        nuisance = stream(params.seed, index, "sheet factors").standard_normal(FACTORS)
        row = loading * latent.aggressiveness[0] + weight * nuisance[factor]
        row += own * chance.standard_normal(len(names))
        row[volume] = latent.size[0]
        if reading > 1:
            second = stream(params.seed, index, f"{purpose} reading {reading}")
            row += again * second.standard_normal(len(names))
        values[index - 1] = row
    # Volumes are positive and skewed, as volumes are.
    values[:, volume] = 30 * np.exp(0.8 * values[:, volume])
    return FeatureTable(values, case_names(params), names)


def case_names(params: PhantomParams) -> tuple[str, ...]:
    """Name the patients.

    >>> from hepacast.phantom.params import PhantomParams
    >>> case_names(PhantomParams(patients=2))
    ('S0001', 'S0002')
    """
    return tuple(f"S{index:04d}" for index in range(1, params.patients + 1))


def write_sheets(
    params: PhantomParams,
    folder: Path,
    blocks: Mapping[str, Block],
    centres: Sequence[int],
    *,
    reread: int = 0,
) -> None:
    """Write a cohort as tables: clinical, dictionary, one per block, and second readings.

    Parameters
    ----------
    params : PhantomParams
        Patients and effects.
    folder : Path
        Gets ``clinical.csv``, ``fields.yaml``, ``<block>.csv`` and ``<block>_again.csv``.
    blocks : mapping of str to Block
        Feature tables by name.
    centres : sequence of int
        Patients of every centre, from centre 1 on; they add up to all.
    reread : int
        First patients of the cohort that were read a second time.
    """
    if sum(centres) != params.patients:
        raise StudyError(
            what="every phantom patient belongs to a centre",
            got=f"{sum(centres)} of {params.patients}",
            fix="Make the centres add up.",
        )
    site = [str(at) for at, count in enumerate(centres, start=1) for _ in range(count)]
    rows = []
    for index, case in enumerate(case_names(params), start=1):
        latent, course = fate(params, index)
        known = clinical_row(params, latent, stream(params.seed, index, "clinical"))
        after = outcome_row(course, stream(params.seed, index, "response"))
        rows.append({"case": case, "centre": site[index - 1], **known, **after})
    fields = dictionary()
    fields.pop("site", None)
    folder.mkdir(parents=True, exist_ok=True)
    fields.pop("case", None)
    head = ["case", "centre", *(name for name in fields if name in rows[0])]
    body = [[_cell(row[name]) for name in head] for row in rows]
    _write(folder / "clinical.csv", head, body)
    described = {name: fields[name] for name in head if name in fields}
    text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
    (folder / "fields.yaml").write_text(text, encoding="utf-8")
    for name, block in blocks.items():
        for reading in (1, 2) if reread else (1,):
            table = draw_sheet(params, block, reading=reading, purpose=name)
            kept = table.cases if reading == 1 else table.cases[:reread]
            suffix = "" if reading == 1 else "_again"
            _write_table(folder / f"{name}{suffix}.csv", table.rows(kept))


def _write_table(path: Path, table: FeatureTable) -> None:
    """Write a feature table with five significant digits."""
    head = ["case", *map(str, table.columns)]
    values: Float[np.ndarray, "case feature"] = table.values
    body = [
        [case, *(f"{value:.5g}" for value in row)]
        for case, row in zip(table.cases, values.tolist(), strict=True)
    ]
    _write(path, head, body)


def _write(path: Path, head: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """Write CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(body)
    path.write_text(text.getvalue(), encoding="utf-8")


def _cell(value: object) -> str:
    """Write one value; nothing where it is missing."""
    return "" if value is None else str(value)
