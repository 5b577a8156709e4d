# SPDX-License-Identifier: Apache-2.0
"""How the documentation site is built: ``sphinx-build -W docs site``."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

project = "hepacast"
author = "The hepacast authors"
copyright = author  # noqa: A001 - Sphinx's name
release = version = installed("hepacast")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["README.md", "gallery/*.py", "gallery/GALLERY_HEADER.rst", "**/parts"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
templates_path = ["_templates"]

html_theme = "furo"
html_title = "hepacast"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}

myst_heading_anchors = 3

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
# Types are words of the field, with shapes: no names to be linked.
napoleon_use_param = False
napoleon_use_keyword = False
napoleon_use_ivar = True
napoleon_use_rtype = False
# Settings and results are frozen: their fields stand in the class's own text.
autodoc_default_options = {"members": True, "show-inheritance": False}

sphinx_gallery_conf = {
    "image_scrapers": ("site_figures.drawn",),
    "ignore_repr_types": "Drawing",
    "examples_dirs": ["gallery"],
    "gallery_dirs": ["examples"],
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 3600,
    "remove_config_comments": True,
    "abort_on_example_error": True,
}
# What matplotlib says while it writes PDF is nobody's example.
logging.getLogger("fontTools").setLevel(logging.WARNING)
# Pydantic and Sphinx both look at classes whose names only type checkers know.
warnings.filterwarnings("ignore", message=".*forward reference.*")


def keep_bars(
    _app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]
) -> None:
    """Keep the bars of ``|a - b|``, which reStructuredText takes for a substitution."""
    example = False
    for at, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            lines[at] = re.sub(r"(?<![`\w])\|([^|`]+)\|", r"\|\1\|", line)


def setup(app: Sphinx) -> None:
    """Look at every docstring."""
    app.connect("autodoc-process-docstring", keep_bars)
