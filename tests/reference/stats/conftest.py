# SPDX-License-Identifier: Apache-2.0
"""Values computed by R, read from the files its scripts wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = Path(__file__).parents[1] / "r" / "values"


@pytest.fixture(scope="session")
def from_r() -> Callable[[str], tuple[dict[str, Any], dict[str, Any]]]:
    """Read the data and the values of one group."""

    def read(group: str) -> tuple[dict[str, Any], dict[str, Any]]:
        stored = json.loads((VALUES / f"{group}.json").read_text(encoding="utf-8"))
        return stored["data"], stored["values"]

    return read


@pytest.fixture(scope="session")
def close() -> Callable[..., Any]:
    """Compare with a value of R, to 1e-8 unless the text says why not."""

    def compare(value: object, rel: float = 1e-8, absolute: float = 1e-11) -> Any:
        return pytest.approx(np.asarray(value, dtype=np.float64), rel=rel, abs=absolute)

    return compare
