# SPDX-License-Identifier: Apache-2.0
"""Write the compliance tables of the documentation from the tests' own comparison.

python docs/radiomics/compliance.py FOLDER_OF_IBSI > docs/radiomics/compliance.md
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

TEST = Path(__file__).parents[2] / "tests/reference/radiomics/test_ibsi_1.py"


def main() -> None:
    """Compare, and print one row per configuration and family."""
    spec = importlib.util.spec_from_file_location("ibsi_1", TEST)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(TEST)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lines = [
        "# IBSI 1",
        "",
        "Consensus values (moderate or better) within tolerance; three digits where the manual",
        "states no tolerance. Red rows are listed below the table.",
        "",
        "| data | family | within | of | |",
        "|---|---|---|---|---|",
    ]
    red = []
    for name in module.CONFIGURATIONS:
        counts: dict[str, list[int]] = {}
        for key, ours, theirs, tolerance, consensus in module.compare(Path(sys.argv[1]), name):
            family = key.split("_")[1]
            row = counts.setdefault(family, [0, 0])
            row[1] += 1
            if abs(ours - theirs) <= tolerance + 1e-9:
                row[0] += 1
            else:
                numbers = f"{ours:.6g} | {theirs:.6g} | {tolerance:.3g}"
                red.append(f"| {name} | {key} | {numbers} | {consensus} |")
        lines += [
            f"| {name} | {family} | {good} | {n} | {'' if good == n else '**red**'} |"
            for family, (good, n) in counts.items()
        ]
    if red:
        lines += [
            "",
            "| data | feature | here | consensus | tolerance | strength |",
            "|---|---|---|---|---|---|",
        ]
        lines += red
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
