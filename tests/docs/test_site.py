# SPDX-License-Identifier: Apache-2.0
"""The documentation is one site: complete, linked, built without a warning, and true."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(one for one in DOCS.rglob("*.md") if one.name != "README.md")
GALLERY = sorted((DOCS / "gallery").glob("plot_*.py"))


def test_every_page_stands_in_the_table_of_contents() -> None:
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^(?:[\w:, ]+<)?([\w/*\[\]-]+)>?$", text, flags=re.MULTILINE)
    written = {str(one.relative_to(DOCS).with_suffix("")) for one in PAGES} - {"index"}

    def shown(page: str) -> bool:
        # A star does not reach into folders.
        level = [entry for entry in listed if entry.count("/") == page.count("/")]
        return any(fnmatch(page, entry) for entry in level)

    assert {one for one in written if not shown(one)} == set()
    fixed = {entry for entry in listed if "*" not in entry}
    assert fixed - written == {"examples/index"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_api_reference_names_modules_that_exist() -> None:
    text = (DOCS / "api" / "index.md").read_text(encoding="utf-8")
    names = re.findall(r"^   (hepacast\.[\w.]+)$", text, flags=re.MULTILINE)
    assert len(names) == len(set(names)) > 100
    for name in names:
        place = ROOT / "src" / Path(*name.split("."))
        assert place.with_suffix(".py").is_file() or (place / "__init__.py").is_file(), name


def test_every_recipe_and_every_example_has_a_page_in_the_gallery() -> None:
    text = "".join(one.read_text(encoding="utf-8") for one in GALLERY)
    for recipe in (ROOT / "src" / "hepacast" / "run" / "recipes").glob("*.yaml"):
        assert f'write_recipe("{recipe.stem}"' in text
    for example in ("hcc-tace", "hepatocellular"):
        assert f'real_study("{example}"' in text


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx_gallery", reason="the extra docs is not installed")
    # Pages of modules that an earlier build knew and that are gone would be warned of.
    shutil.rmtree(DOCS / "api" / "generated", ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", str(tmp_path / "trees"), str(DOCS), str(tmp_path / "site")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for name in ("index", "tutorial", "examples/index", "api/generated/hepacast.stats.roc"):
        assert (tmp_path / "site" / f"{name}.html").is_file()
    page = (tmp_path / "site" / "examples" / "plot_7_cect_ablation.html").read_text("utf-8")
    assert page.count("sphx_glr_plot_7_cect_ablation_00") >= 2


@pytest.mark.slow
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    commands = "".join(re.findall(r"^```sh\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE))
    lines = [shlex.split(line, comments=True) for line in commands.splitlines()]
    assert [line[1] for line in lines] == ["init", "check", "run", "init"]
    for line in lines:
        assert line[0] == "hepacast"
        done = subprocess.run(
            [sys.executable, "-c", "from hepacast.cli.main import main; main()", *line[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    assert (tmp_path / "first-results" / "report.html").is_file()
    for name in ("clinical.csv", "fields.yaml", "study.yaml"):
        assert (tmp_path / "first-study" / name).is_file()
