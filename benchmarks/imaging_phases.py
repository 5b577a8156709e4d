# SPDX-License-Identifier: Apache-2.0
"""How often the phase proposed from a real series description is the right one.

The rules were written while looking at one half of the distinct CT and MR
descriptions (an even first byte of their sha256).  The other half was then
labelled by hand, once, and is measured here; the rules have not been changed
since.  ``imaging_phases.json`` holds the labels under digests of modality and
description; a description that is not listed names no phase.

    python benchmarks/imaging_phases.py ../shared/data/series_descriptions/*.csv.gz
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
from collections import Counter
from pathlib import Path

import polars as pl

from hepacast.imaging.phases import propose_from_description


def held_back(table: Path) -> list[tuple[str, str]]:
    """Return modality and description of the half that the rules were not written on."""
    frame = pl.read_csv(gzip.decompress(table.read_bytes()), infer_schema_length=0)
    frame = frame.filter(
        pl.col("Modality").is_in(["CT", "MR"])
        & ~pl.col("sop_class_name").str.contains("Seg|Secondary")
        & pl.col("SeriesDescription").is_not_null()
    )
    pairs = frame.select("Modality", "SeriesDescription").unique().sort(pl.all()).rows()
    return [(m, d) for m, d in pairs if hashlib.sha256(d.encode()).digest()[0] % 2]


def main() -> None:
    """Print accuracy, sensitivity by phase and every mistake."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path, help="gzipped CSV of series")
    labels = json.loads(Path(__file__).with_suffix(".json").read_text())
    truth_of = {key: phase for phase, keys in labels.items() for key in keys}
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for modality, description in held_back(parser.parse_args().table):
        key = hashlib.sha256(f"{modality}|{description}".encode()).hexdigest()[:10]
        truth = truth_of.get(key)
        found = propose_from_description(description, modality).phase
        total[truth or "none"] += 1
        right[truth or "none"] += found == truth
        if found != truth:
            print(f"{modality} {description!r}: {found or 'none'}, should be {truth or 'none'}")
    for phase, count in sorted(total.items()):
        print(f"{phase:10s} {right[phase]:4d} of {count:4d}  {right[phase] / count:.1%}")
    print(
        f"{'all':10s} {right.total():4d} of {total.total():4d}  {right.total() / total.total():.1%}"
    )


if __name__ == "__main__":
    main()
