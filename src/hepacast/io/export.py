# SPDX-License-Identifier: Apache-2.0
"""Feature tables for other programs: Parquet wide or long, CSV, AnnData, a memory map."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import polars as pl

from hepacast.core.errors import StudyError
from hepacast.io.store import write_atomic

if TYPE_CHECKING:
    from hepacast.core.table import FeatureTable

Form = Literal["parquet", "long", "csv", "h5ad", "npy"]
FORMS: tuple[str, ...] = get_args(Form)
"""``parquet``: one row per case; ``long``: one row per value; ``npy``: a folder to be mapped."""

_PARTS = ("phase", "region", "filter", "family", "feature")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export(table: FeatureTable, path: Path, form: Form) -> Path:
    """Write a feature table for another program, whole or not at all.

    Parameters
    ----------
    table : FeatureTable
        Cases by features.
    path : Path
        File, or folder for ``npy``.
    form : {"parquet", "long", "csv", "h5ad", "npy"}
        ``parquet`` and ``csv`` have the case id first and one column per feature;
        ``long`` has the parts of the name as columns of their own, missing values
        left out; ``h5ad`` is cases x features in AnnData's layout; ``npy`` is a
        folder with ``X.npy`` in float64, ``cases.parquet`` and ``features.parquet``,
        which :func:`open_matrix` maps without reading.

    Raises
    ------
    StoreError
        If the disk is full.
    StudyError
        If the package that a form needs is not installed.
    """
    if form == "npy":
        return _matrix(table, path)
    writers = {"parquet": _wide, "long": _long, "csv": _csv, "h5ad": _h5ad}
    return write_atomic(path, writers[form](table))


def _wide(table: FeatureTable) -> bytes:
    """One row per case."""
    stream = io.BytesIO()
    _frame(table).write_parquet(stream, compression="zstd")
    return stream.getvalue()


def _frame(table: FeatureTable) -> pl.DataFrame:
    """Lay the table out with the case id first."""
    ids = pl.DataFrame({"case": table.cases}, {"case": pl.String})
    return ids.hstack(pl.DataFrame(table.values, schema=[str(name) for name in table.columns]))


def _long(table: FeatureTable) -> bytes:
    """One row per value that is there."""
    row, column = np.nonzero(~np.isnan(table.values))
    tokens = np.array([name.tokens for name in table.columns], dtype=object).reshape(-1, 5)
    frame = pl.DataFrame(
        {
            "case": pl.Series(table.cases, dtype=pl.String).gather(row),
            **{
                part: pl.Series(tokens[:, at].tolist()).gather(column)
                for at, part in enumerate(_PARTS)
            },
            "value": table.values[row, column],
        }
    )
    stream = io.BytesIO()
    frame.write_parquet(stream, compression="zstd")
    return stream.getvalue()


def _csv(table: FeatureTable) -> bytes:
    """One row per case; ids that a spreadsheet would take for a formula get a quote."""
    frame = _frame(table)
    safe = [f"'{case}" if case.startswith(_FORMULA) else case for case in table.cases]
    stream = io.BytesIO()
    frame.with_columns(pl.Series("case", safe, dtype=pl.String)).fill_nan(None).write_csv(stream)
    return stream.getvalue()


def _h5ad(table: FeatureTable) -> bytes:
    """Cases x features as AnnData."""
    try:
        import anndata  # noqa: PLC0415 - an extra
        import pandas  # noqa: PLC0415, ICN001 - comes with it
    except ImportError as error:
        raise StudyError(
            what="AnnData files need the package anndata",
            got=str(error),
            fix="Run: pip install 'hepacast[h5ad]', or choose parquet.",
        ) from error
    parts = [name.tokens for name in table.columns]
    names = pandas.Index([str(name) for name in table.columns])
    found = anndata.AnnData(
        X=table.values,
        obs=pandas.DataFrame({"patient": list(table.patients)}, index=pandas.Index(table.cases)),
        var=pandas.DataFrame(parts, columns=list(_PARTS), index=names),
    )
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "table.h5ad"
        found.write_h5ad(place)
        return place.read_bytes()


def _matrix(table: FeatureTable, folder: Path) -> Path:
    """Write a folder that can be mapped: derived, and made again whenever it is gone."""
    folder.mkdir(parents=True, exist_ok=True)
    stream = io.BytesIO()
    np.save(stream, table.values, allow_pickle=False)
    write_atomic(folder / "X.npy", stream.getvalue())
    cases = pl.DataFrame({"case": table.cases, "patient": table.patients})
    parts = np.array([name.tokens for name in table.columns], dtype=object).reshape(-1, 5)
    features = pl.DataFrame({part: parts[:, at].tolist() for at, part in enumerate(_PARTS)})
    for name, frame in (("cases", cases), ("features", features)):
        stream = io.BytesIO()
        frame.write_parquet(stream)
        write_atomic(folder / f"{name}.parquet", stream.getvalue())
    return folder


def open_matrix(folder: Path) -> tuple[np.ndarray, list[str], list[str]]:
    """Map what ``export(..., form="npy")`` wrote.

    Returns
    -------
    values : (case, feature) float64, read-only
        Mapped: only what is looked at is read.
    cases, features : list of str
        Ids, and names of the columns.
    """
    values = np.load(folder / "X.npy", mmap_mode="r", allow_pickle=False)
    cases = pl.read_parquet(folder / "cases.parquet")["case"].to_list()
    parts = pl.read_parquet(folder / "features.parquet")
    return values, cases, ["/".join(row) for row in parts.iter_rows()]
