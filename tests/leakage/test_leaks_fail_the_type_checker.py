# SPDX-License-Identifier: Apache-2.0
"""A model that learns from whatever table comes along does not get past mypy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
import numpy as np

from hepacast.core.folds import Cohort, Fitted, Fold, keep_columns
from hepacast.deep.conformal import ConformalParams, fit_conformal
from hepacast.deep.segment import fit_segmenter
from hepacast.deep.segment_params import SegmentParams
from hepacast.deep.uncertainty import RecalibrationParams, fit_recalibration
from hepacast.deep.uncertainty_domain import DomainParams, fit_domain, fit_envelope
from hepacast.models import MODELS, ModelParams
from hepacast.run.protocol.chain import Recipe, fit_score, fit_study
from hepacast.select import STEPS
"""
ARGUMENTS = "cohort: Cohort, fold: Fold, recipe: Recipe, params: ModelParams, fitted: Fitted"
FITS = {
    "a study": 'fit_study({}, recipe, "all")',
    "a score": 'fit_score({}, "clinical", recipe, "all")',
    "a model": "MODELS[params]({}, params, np.random.default_rng(1))",
    "a step": 'STEPS[STEPS.parse("impute")]({}, None, np.random.default_rng(1))',
    "a segmentation network": "fit_segmenter({}, dict(), SegmentParams(), 1)",
    "a calibration": "fit_recalibration({}, RecalibrationParams())",
    "conformal sets": "fit_conformal({}, ConformalParams())",
    "a cloud of vectors": "fit_domain({}, DomainParams(), np.random.default_rng(1))",
    "an envelope of scans": "fit_envelope({}, dict())",
    "apparent output": "fitted.apparent({})",
    "fewer columns": "keep_columns({}, [])",
}
WRONG = {
    "the whole cohort": "cohort",
    "a table": "cohort.table",
    "patients": 'cohort.of_patients("a")',
}
RIGHT = {"the training side of a fold": "fold.train(cohort)"}
_ERROR = re.compile(r"snippet.py:(?P<line>\d+): error: (?P<said>.*)")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Let mypy read every way to learn from every expression; return its errors by expression."""
    mypy = pytest.importorskip("mypy.api", reason="mypy is not installed")
    lines, owner = HEAD.splitlines(), {}
    for at, expression in enumerate((*WRONG.values(), *RIGHT.values())):
        lines.append(f"def learn{at}({ARGUMENTS}) -> None:")
        for call in FITS.values():
            lines.append(f"    {call.format(expression)}")
            owner[len(lines)] = expression
    snippet = tmp_path_factory.mktemp("types") / "snippet.py"
    snippet.write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = [f"--config-file={ROOT / 'pyproject.toml'}", f"--cache-dir={ROOT / '.mypy_cache'}"]
    found, trouble, _ = mypy.run([*options, "--no-error-summary", str(snippet)])
    assert trouble == ""
    errors: dict[str, list[str]] = {expression: [] for expression in owner.values()}
    for hit in _ERROR.finditer(found):
        errors[owner[int(hit["line"])]].append(hit["said"])
    return errors


@pytest.mark.parametrize("expression", WRONG.values(), ids=list(WRONG))
def test_learning_from_what_no_fold_made_fails(expression: str, said: dict[str, list[str]]) -> None:
    assert len(said[expression]) == len(FITS)
    for error in said[expression]:
        assert re.search(r'has incompatible type "\w+"; expected "Train"  \[arg-type\]', error)


@pytest.mark.parametrize("expression", RIGHT.values(), ids=list(RIGHT))
def test_learning_from_what_a_fold_made_passes(expression: str, said: dict[str, list[str]]) -> None:
    assert said[expression] == []
