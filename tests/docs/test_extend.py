# SPDX-License-Identifier: Apache-2.0
"""The parts that the documentation shows do what it says, from registration to report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PARTS = Path(__file__).parents[2] / "docs" / "extend" / "parts"
STUDY = """\
schema: 1
study: {name: parts, title: Parts}
clinical: {table: clinical.csv, id: id, dictionary: fields.yaml}
outcomes:
  er: {kind: binary, event: recurred, event_level: "1", other_levels: ["0"]}
scores:
  clinical: {from: [clinical], steps: [{well-filled: {known_min: 0.9}}, impute], model: best-column}
models: {sets: {clinical: [clinical]}}
split: {seed: 7, outer: 3, repeats: 1, inner: 3}
"""
FIELDS = """\
marker: {kind: number, unit: "1", timing: baseline}
sparse: {kind: number, unit: "1", timing: baseline}
recurred: {kind: event, timing: outcome}
"""

# Registries are shared by a process: what is tried here must not reach other tests.
TRY_STUDY = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import best_column, events_figure, well_filled
from hepacast.report.figures.svg import inline_svg
from hepacast.report.write import read_result
from hepacast.run.work.execution import Execution
from hepacast.run.whole import run_study
out = Path(sys.argv[2]) / "out"
run_study(Path(sys.argv[2]) / "study.yaml", out, execution=Execution(1))
outcome = read_result(out / "result.json").outcomes[0]
found = next(one for one in outcome.models if one.name == "clinical")
print([one.name for one in found.coefficients])
print(found.funnel[0].step, found.funnel[0].columns_out.mean)
print(found.evaluation("out-of-fold").discrimination.value > 0.9)
print("Patients; dark" in inline_svg(events_figure.draw_events(outcome), "f"))
"""
TRY_FAMILY = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import spread
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.radiomics import extract
from hepacast.radiomics.params import ExtractParams
grid = Grid((3, 3, 3), (1, 1, 1))
image = np.arange(27.0).reshape(3, 3, 3)
params = ExtractParams.model_validate({"families": ["spread"]})
print(extract(Volume(image, grid), Region(np.ones((3, 3, 3), bool), grid), params))
"""
TRY_NETWORK = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
import tiny_network
from hepacast.deep.networks import NETWORKS
params = NETWORKS.parse({"tiny-2d": {"in_channels": 3, "out": 2}})
network = NETWORKS[params](params)
print(tuple(network(torch.zeros(5, 3, 16, 16)).shape))
try:
    network(torch.zeros(5, 2, 16, 16))
except Exception as error:
    print(type(error).__name__)
"""


def tried(code: str, *arguments: str) -> list[str]:
    """Run code in a process of its own, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, str(PARTS), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()


def test_a_study_runs_with_the_step_the_model_and_the_figure(tmp_path: Path) -> None:
    lines = ["id,marker,sparse,recurred"]
    for at in range(40):
        event = at % 2
        lines.append(f"P{at:02d},{event + (at % 7) / 8:.3f},{at if at % 2 else ''},{event}")
    (tmp_path / "clinical.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "fields.yaml").write_text(FIELDS, encoding="utf-8")
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    columns, funnel, good, drawn = tried(TRY_STUDY, str(tmp_path))
    assert columns == "['clinical: marker']"
    assert funnel == "clinical: well-filled 1.0"
    assert (good, drawn) == ("True", "True")


def test_the_family_computes_its_two_features() -> None:
    (line,) = tried(TRY_FAMILY)
    assert line == "{'original_spread_QuartileGap': 13.0, 'original_spread_QuartileSkew': 0.0}"


def test_the_network_gives_logits_and_refuses_other_channels() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    assert tried(TRY_NETWORK) == ["(5, 2)", "GeometryError"]
