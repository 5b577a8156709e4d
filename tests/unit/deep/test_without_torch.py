"""Settings, uncertainty and the doors of the deep room load without torch."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

MODULES = (
    "hepacast.deep.attribution_params",
    "hepacast.deep.conformal",
    "hepacast.deep.saliency",
    "hepacast.deep.segment_lineage",
    "hepacast.deep.segment_params",
    "hepacast.deep.segment_scores",
    "hepacast.deep.uncertainty",
    "hepacast.deep.uncertainty_domain",
    "hepacast.io.programs",
    "hepacast.io.weights",
    "hepacast.run.masks.draw",
    "hepacast.run.parts.encoder",
    "hepacast.run.masks.liver",
    "hepacast.run.protocol.saliency",
    "hepacast.run.masks.segment",
)


def test_torch_is_not_loaded() -> None:
    imports = "; ".join(f"import {one}" for one in MODULES)
    check = "assert not {'torch', 'monai', 'matplotlib'} & set(sys.modules)"
    code = f"import sys; {imports}; {check}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_absent_torch_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from hepacast.run.masks.liver import load_keras\n"
        "from hepacast.core.errors import StudyError\n"
        "try:\n    load_keras('liver.safetensors', 'liver')\n"
        "except StudyError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert b"pip install hepacast[deep]" in done.stdout, done.stderr.decode()
