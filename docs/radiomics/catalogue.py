# SPDX-License-Identifier: Apache-2.0
"""Write the catalogue of the documentation from the registries.

python docs/radiomics/catalogue.py > docs/radiomics/catalogue.md
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hepacast.radiomics.families import FAMILIES
from hepacast.radiomics.filters import FILTERS
from hepacast.radiomics.filters.registry import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterator


def cell(text: str) -> str:
    """Write text for a cell of a table: bars and stars mean themselves."""
    return text.replace("|", "\\|").replace("*", "\\*")


def filters() -> Iterator[str]:
    """Write one row for every filter."""
    yield from (
        "# Every filter and feature",
        "",
        "## Filters",
        "",
        "x is an intensity, \\*\\* a convolution.",
        "",
    )
    yield "| kind | IBSI | response | unit | source |"
    yield "|---|---|---|---|---|"
    for kind in sorted(FILTERS):
        entry = CATALOGUE[kind]
        parts = (kind, entry.ibsi, entry.formula, entry.unit, entry.source)
        yield f"| {' | '.join(cell(part) for part in parts)} |"


def families() -> Iterator[str]:
    """Write one table for every family."""
    for kind in sorted(FAMILIES):
        family = FAMILIES[FAMILIES.settings(kind)()]
        yield from ("", f"## {kind}", "", f"Source: {family.source}.", "")
        yield "| feature | IBSI | formula | unit |"
        yield "|---|---|---|---|"
        for one in family.features:
            name = f"{one.name} (on request)" if one.deprecated else one.name
            yield f"| {' | '.join(cell(t) for t in (name, one.ibsi, one.formula, one.unit))} |"


def text() -> str:
    """Return the whole page."""
    return "\n".join([*filters(), *families()]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
