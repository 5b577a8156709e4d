# SPDX-License-Identifier: Apache-2.0
"""Write the compliance tables of the documentation from the tests' own comparisons.

python docs/radiomics/compliance.py FOLDER_OF_IBSI > docs/radiomics/compliance.md
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[2] / "tests/reference/radiomics"
FILTERS = {
    "1": "mean", "2": "Laplacian of Gaussian", "3": "Laws", "4": "Gabor", "5": "Daubechies wavelet",
    "6": "Coiflet wavelet", "7": "Haar wavelet", "8": "Simoncelli wavelet",
    "9": "Riesz of Laplacian of Gaussian", "10": "Riesz of Simoncelli wavelet",
}  # fmt: skip
"""Filters of IBSI 2, phase 1, by number."""

Row = tuple[str, str, str, float, float, float]
"""Data, group, feature, ours, consensus value and tolerance."""


def module(name: str) -> Any:  # noqa: ANN401 - a test module
    """Import a test as a module."""
    spec = importlib.util.spec_from_file_location(name, TESTS / f"{name}.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(name)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def table(rows: list[Row]) -> Iterator[str]:
    """Count what lies within tolerance by data and group, and list what does not."""
    counts: dict[tuple[str, str], list[int]] = {}
    red = []
    for data, group, feature, ours, theirs, tolerance in rows:
        count = counts.setdefault((data, group), [0, 0])
        count[1] += 1
        if abs(ours - theirs) <= tolerance + 1e-9:
            count[0] += 1
        else:
            numbers = f"{ours:.6g} | {theirs:.6g} | {tolerance:.3g}"
            red.append(f"| {data} | {group} | {feature} | {numbers} |")
    good, total = (sum(count[n] for count in counts.values()) for n in (0, 1))
    yield f"**{good} of {total}** values lie within tolerance."
    yield ""
    yield "| data | family or filter | within | of | |"
    yield "|---|---|---|---|---|"
    for (data, group), (within, of) in counts.items():
        yield f"| {data} | {group} | {within} | {of} | {'' if within == of else '**red**'} |"
    if red:
        yield ""
        yield "| data | family or filter | feature | here | consensus | tolerance |"
        yield "|---|---|---|---|---|---|"
        yield from red


def features(folder: Path) -> Iterator[str]:
    """Write the section on the feature values of IBSI 1."""
    test = module("test_ibsi_1")
    rows = [
        (name, key.split("_")[1], key.split("_")[2], *numbers)
        for name in test.CONFIGURATIONS
        for key, *numbers, _ in test.compare(folder, name)
    ]
    yield from ("# Values of IBSI, met and not met", "", "## IBSI 1", "")
    yield "Consensus values (moderate or better) of the digital phantom and of configurations A to"
    yield "E of the CT phantom; three digits where the manual states no tolerance.  Red rows are"
    yield "listed below the table."
    yield ""
    yield from table(rows)


def maps(folder: Path) -> Iterator[str]:
    """Write the section on the response maps of IBSI 2."""
    test = module("test_ibsi_2")
    names = sorted(test.MAPS, key=lambda name: (int(name.split("_")[0]), name))
    off = {name: test.compare(folder, name) for name in names}
    yield from ("", "## IBSI 2, phase 1", "")
    yield "Largest difference from each reference response map, as a share of its range; the"
    yield f"tolerance is 1 %.  **{sum(d <= 0.01 for d in off.values())} of {len(off)}** maps lie"
    yield "within it."
    yield ""
    yield "| map | filter | largest difference, % | |"
    yield "|---|---|---|---|"
    for name, difference in off.items():
        red = "" if difference <= 0.01 else "**red**"
        title = FILTERS[name.split("_")[0]]
        yield f"| {name.replace('_', '.')} | {title} | {100 * difference:.4f} | {red} |"


def filtered(folder: Path) -> Iterator[str]:
    """Write the section on the feature values of IBSI 2."""
    test = module("test_ibsi_2_features")
    rows = [
        (data, str(test.FILTERS[data[0]]["kind"]), *rest)
        for letter in "AB"
        for data, *rest in test.compare(folder, letter)
    ]
    yield from ("", "## IBSI 2, phase 2", "")
    yield "Statistics of the filtered CT phantom (A: axial slices, B: 3D at 1 mm).  One of the 324"
    yield "values has no consensus and no number to compare with: 8.B, quartile coefficient of"
    yield "dispersion."
    yield ""
    yield from table(rows)


def main() -> None:
    """Compare, and print the three sections."""
    folder = Path(sys.argv[1])
    for section in (features, maps, filtered):
        sys.stdout.write("\n".join(section(folder)) + "\n")


if __name__ == "__main__":
    main()
