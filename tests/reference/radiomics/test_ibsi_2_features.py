# SPDX-License-Identifier: Apache-2.0
"""Feature values of IBSI 2, phase 2: 18 filter settings x 18 statistics of the CT phantom."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path  # noqa: TC003
from typing import Any

import numpy as np
import pytest

from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import load_nifti
from hepacast.radiomics.extraction import extract
from hepacast.radiomics.params import ExtractParams

FILTERS: dict[str, dict[str, Any]] = {
    "1": {"kind": "original"},
    "2": {"kind": "ibsi-mean", "support": 5},
    "3": {"kind": "ibsi-log", "sigma_mm": [1.5], "cutoff": 4.0},
    "4": {"kind": "ibsi-laws", "kernels": ["L5", "E5", "E5"], "invariant": True, "energy": 7},
    "5": {
        "kind": "ibsi-gabor", "sigma_mm": 5.0, "wavelength_mm": 2.0, "gamma": 1.5, "step_deg": 22.5,
    },
    "6": {"kind": "ibsi-wavelet", "wavelet": "db3", "level": 1, "band": "LLH", "invariant": True},
    "7": {"kind": "ibsi-wavelet", "wavelet": "db3", "level": 2, "band": "HHH", "invariant": True},
    "8": {"kind": "ibsi-simoncelli", "level": 1, "boundary": "periodic"},
    "9": {"kind": "ibsi-simoncelli", "level": 2, "boundary": "periodic"},
}  # fmt: skip
"""In 3D, for configurations B; configurations A filter axial slices."""
FLAT: dict[str, dict[str, Any]] = {
    "4": {"kernels": ["L5", "E5"]}, "6": {"band": "LH"}, "7": {"band": "HH"},
}  # fmt: skip
NAMES = {
    "stat_mean": "mean", "stat_var": "var", "stat_skew": "skew", "stat_kurt": "kurt",
    "stat_median": "median", "stat_min": "min", "stat_p10": "P10", "stat_p90": "P90",
    "stat_max": "max", "stat_iqr": "iqr", "stat_range": "range", "stat_mad": "mad",
    "stat_rmad": "rmad", "stat_medad": "medad", "stat_cov": "cov", "stat_qcod": "qcod",
    "stat_energy": "energy", "stat_rms": "rms",
}  # fmt: skip
RESAMPLED = {
    "spacing_mm": 1.0, "interpolator": "bspline", "mask_interpolator": "linear", "rounded": True,
    "aligned": "centre",
}  # fmt: skip


def block(number: str, letter: str) -> dict[str, Any]:
    """Write the settings of one filter, in 2D for configurations A."""
    settings = dict(FILTERS[number])
    if letter == "A" and number != "1":
        settings |= {"flat": True, **FLAT.get(number, {})} if number != "5" else {}
    if letter == "B" and number == "5":
        settings["planes"] = "orthogonal"
    return settings


@cache
def numbers(folder: Path, letter: str) -> dict[str, dict[str, float]]:
    """Our statistics by filter."""
    place = folder / "ibsi_2_ct_radiomics_phantom/nifti"
    image = load_nifti(place / "image/phantom.nii.gz")
    mask = load_nifti(place / "mask/mask.nii.gz").data > 0
    found = extract(
        Volume(np.ascontiguousarray(image.data, dtype=np.float64), image.grid),
        Region(np.ascontiguousarray(mask), image.grid),
        ExtractParams.model_validate(
            {
                "definitions": "ibsi",
                "filters": [block(number, letter) for number in FILTERS],
                "families": ["ibsi-stat"],
                "resample": RESAMPLED if letter == "B" else None,
                "resegment": {"range": (-1000.0, 400.0)},
            }
        ),
    )
    by_filter: dict[str, dict[str, float]] = {}
    for name, value in found.items():
        token, _, feature = name.split("_")
        by_filter.setdefault(token, {})[feature] = value
    return dict(zip(FILTERS, by_filter.values(), strict=True))


def compare(folder: Path, letter: str) -> list[tuple[str, str, float, float, float]]:
    """Configuration, feature, ours, theirs and tolerance of every consensus value."""
    table = folder / "ibsi_2_reference_data/reference_feature_values/reference_values.csv"
    with table.open() as handle:
        rows = [r for r in csv.DictReader(handle, delimiter=";") if r["filter_id"].endswith(letter)]
    ours = numbers(folder, letter)
    return [
        (
            row["filter_id"],
            NAMES[row["feature_tag"]],
            ours[row["filter_id"][0]][NAMES[row["feature_tag"]]],
            float(row["consensus_value"]),
            float(row["tolerance"]),
        )
        for row in rows
        # One of the 324 has no value, because there was no consensus: 8.B, qcod.
        if row["consensus_value"]
    ]


@pytest.mark.parametrize(
    ("letter", "count"), [("A", 162), pytest.param("B", 161, marks=pytest.mark.slow)]
)
def test_every_consensus_value_lies_within_its_tolerance(
    shared: Path, letter: str, count: int
) -> None:
    rows = compare(shared / "ibsi", letter)
    assert len(rows) == count
    bad = [row for row in rows if not abs(row[2] - row[3]) <= row[4] + 1e-9]
    assert not bad, f"{len(bad)} of {len(rows)}: {bad}"
