# SPDX-License-Identifier: Apache-2.0
"""Time of a report of 300 simulated patients and 7 models, as a ratio to matplotlib alone.

The peer saves the same figures with matplotlib in the same formats, and does nothing else.
The report draws each once and not twice, cuts fonts once, and adds tables, text and pages.

Run: python benchmarks/report.py [--patients 300] [--models 7] [--extras]
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hepacast.report.document import compose
from hepacast.report.figures.style import styled
from hepacast.report.write import write_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from hepacast.report.content import ReportContent

SIMULATED = Path(__file__).parents[1] / "tests" / "unit" / "report" / "conftest.py"
"""The simulated study of the report's own tests."""


def simulated(patients: int, models: int) -> ReportContent:
    """Make a report with as many patients and models, for a binary outcome and for survival."""
    found = importlib.util.spec_from_file_location("simulated_study", SIMULATED)
    if found is None or found.loader is None:
        sys.exit(f"there is no {SIMULATED}")
    module: Any = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    module.N = patients
    cohort = module.Cohort(7)
    content: ReportContent = module.example()
    outcomes = []
    for name, kind in (("er", "binary"), ("os", "survival")):
        many = tuple(
            cohort.model(f"Model {at}", "candidate", (f"score {at}",), 0.3 + at / 30, kind)
            for at in range(models)
        )
        outcomes.append(cohort.outcome(name, kind).model_copy(update={"models": many}))
    return content.model_copy(update={"outcomes": tuple(outcomes)})


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return the CPU seconds of one run, and those of the clock."""
    begun, at = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - begun, time.perf_counter() - at


def main() -> None:
    """Print one line per way to write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=300)
    parser.add_argument("--models", type=int, default=7)
    parser.add_argument("--extras", action="store_true", help="write PDF, DOCX and TIFF too")
    chosen = parser.parse_args()
    content = simulated(chosen.patients, chosen.models)
    extras: tuple[Any, ...] = ("pdf", "docx") if chosen.extras else ()
    kinds: list[Any] = ["svg", "pdf", "png", *(["tiff"] if chosen.extras else [])]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        spent, wall = seconds(lambda: write_report(content, place, kinds, extras))
        sizes = [f"{one.name} {one.stat().st_size / 1e6:.1f} MB" for one in place.glob("*.*")]
    drawings = list(compose(content).drawings.values())

    def peer() -> None:
        for one in drawings:
            for kind in kinds:
                with styled():
                    one.figure.savefig(io.BytesIO(), format=kind, dpi=300)
                one.figure.set_layout_engine("none")  # as the report does: lay out once

    alone, _ = seconds(peer)
    what = f"{chosen.patients} patients x {chosen.models} models, {len(drawings)} figures"
    print(f"{what}, {', '.join(kinds)}: {spent:.1f} CPU s ({wall:.1f} s of the clock)")
    print(f"matplotlib alone, same files: {alone:.1f} CPU s, so {spent / alone:.2f} x")
    print("; ".join(sorted(sizes)))


if __name__ == "__main__":
    main()
