# SPDX-License-Identifier: Apache-2.0
"""Examples on the pages about statistics run."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[3] / "docs" / "statistics").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_on_the_page_run(page: Path) -> None:
    assert doctest.testfile(str(page), module_relative=False).failed == 0
