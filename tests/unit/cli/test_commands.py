# SPDX-License-Identifier: Apache-2.0
"""The command line: quick to answer, exact in its exit codes, one line per error."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import hepacast
from hepacast.cli.main import COMMANDS, main
from hepacast.run.settings.study import parse_study

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("numpy", "scipy", "pandas", "polars", "torch", "matplotlib", "sklearn", "SimpleITK",
         "nibabel", "pydicom", "numba", "jinja2", "rich", "yaml", "pydantic")  # fmt: skip


def run(*arguments: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run Python, and return what it said and the seconds of processor time that it took."""
    before = os.times()
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    after = os.times()
    used = after.children_user + after.children_system
    return done, used - before.children_user - before.children_system


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("--version",), ()])
def test_help_answers_in_half_a_second_of_processor_time(arguments: tuple[str, ...]) -> None:
    call = f"import sys; from hepacast.cli.main import main; sys.exit(main({list(arguments)!r}))"
    spent = []
    for _ in range(3):
        done, seconds = run("-c", call)
        spent.append(seconds)
        if seconds < 0.5:
            break
    assert min(spent) < 0.5, spent
    if arguments in {("--help",), ("-h",)}:
        assert done.returncode == 0
        assert all(f"  {name} " in done.stdout for name in COMMANDS)
        assert "0 fine" in done.stdout
    if arguments == ("--version",):
        assert hepacast.__version__ in done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import hepacast",
        "import hepacast.cli.main",
        "from hepacast.cli.main import main; main(['--help'])",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code: str) -> None:
    done, _ = run("-c", f"{code}\nimport sys; print(*sys.modules, file=sys.stderr)")
    assert done.returncode == 0, done.stderr
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert loaded.isdisjoint(HEAVY), loaded & set(HEAVY)


def test_the_program_is_installed_under_its_name() -> None:
    call = "from importlib.metadata import entry_points as e; print(*e(name='hepacast'))"
    done, _ = run("-c", call)
    assert "hepacast.cli.main:main" in done.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_a_help_of_its_own(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert "Usage: hepacast" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu"], "no command 'rnu'"),
        (["run"], "Missing argument"),
        (["run", "study.yaml"], "--out"),
        (["run", "study.yaml", "--out", "x", "--workers", "0"], "--workers"),
        (["run", "study.yaml", "--out", "x", "--wokers", "2"], "--wokers"),
        (["demo", "x", "--patients", "3"], "--patients"),
        (["demo", "x", "--patients", "many"], "many"),
        (["check", "absent.yaml"], "hepacast: "),
        (["report", "absent"], "hepacast: "),
    ],
)
def test_a_call_that_cannot_work_ends_with_2_and_says_why(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    printed = capfd.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert list(tmp_path.iterdir()) == []


def test_a_call_from_the_shell_ends_with_its_code() -> None:
    done, _ = run("-c", "from hepacast.cli.main import main; main()", "check", "absent.yaml")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("hepacast: [file absent.yaml]")


def test_stopping_by_hand_ends_with_130(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from hepacast.run import check  # noqa: PLC0415 - loads much

    def interrupt(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "check_study", interrupt)
    assert main(["check", str(tmp_path / "study.yaml")]) == 130
    assert "run again to go on" in capfd.readouterr().err


def test_a_defect_is_not_dressed_up_as_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hepacast.run import check  # noqa: PLC0415 - loads much

    def fail(*_args: object, **_kwargs: object) -> None:
        msg = "a defect"
        raise RuntimeError(msg)

    monkeypatch.setattr(check, "check_study", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        main(["check", str(tmp_path / "study.yaml")])


def begin(folder: Path) -> Path:
    assert main(["init", str(folder)]) == 0
    return folder / "study.yaml"


def test_init_writes_a_study_that_reads_and_tables_that_fit_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = begin(tmp_path / "new")
    assert "hepacast check" in capfd.readouterr().out
    assert {one.name for one in path.parent.iterdir()} == {
        "study.yaml", "fields.yaml", "cases.csv", "clinical.csv",
    }  # fmt: skip
    study = parse_study(path.read_text())
    assert study.cases is not None
    (cases,) = csv.reader([(path.parent / "cases.csv").read_text().strip()])
    (clinical,) = csv.reader([(path.parent / "clinical.csv").read_text().strip()])
    columns = {study.cases.patient, study.cases.phase, study.cases.image, study.cases.site}
    masks = {mask.column for mask in study.cases.masks.values()}
    assert columns | masks == set(cases)
    described = yaml.safe_load((path.parent / "fields.yaml").read_text())
    assert {study.clinical.id, *described} == set(clinical)
    for outcome in study.outcomes.values():
        assert described[outcome.event]["timing"] == "outcome"


def test_check_of_an_untouched_start_asks_for_the_data(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = begin(tmp_path / "new")
    capfd.readouterr()
    assert main(["check", str(path)]) == 2
    (line,) = [one for one in capfd.readouterr().err.splitlines() if one.strip()]
    assert "clinical.csv" in line
    assert "at least one row" in line


def test_init_overwrites_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "clinical.csv").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert "clinical.csv" in capfd.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["clinical.csv"]


def schema(capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["schema"]) == 0
    content: dict[str, Any] = json.loads(capfd.readouterr().out)
    return content


def test_the_schema_is_a_json_schema(capfd: pytest.CaptureFixture[str]) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    jsonschema.Draft202012Validator.check_schema(schema(capfd))


def test_the_schema_accepts_the_start_and_refuses_a_misspelt_key(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    validator = jsonschema.Draft202012Validator(schema(capfd))
    study = yaml.safe_load(begin(tmp_path / "new").read_text())
    assert [error.message for error in validator.iter_errors(study)] == []
    study["features"]["radiomics"]["params"] = {
        "filters": ["original", {"log": {"sigma_mm": [3.0]}}],
        "families": ["glcm", {"kind": "shape"}],
        "bins": 25,
    }
    assert parse_study(yaml.safe_dump(study, sort_keys=False)).features
    assert [error.message for error in validator.iter_errors(study)] == []
    study["split"]["outter"] = 3
    assert [list(error.path) for error in validator.iter_errors(study)] == [["split"]]


def test_every_reference_inside_the_schema_leads_somewhere(
    capfd: pytest.CaptureFixture[str],
) -> None:
    content = schema(capfd)
    text = json.dumps(content)
    for name in content["$defs"]:
        assert f'"#/$defs/{name}"' in text
    wanted = {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert wanted <= set(content["$defs"])
    assert content["additionalProperties"] is False
    assert {"schema", "study", "clinical", "outcomes", "scores", "models"} <= set(
        content["required"]
    )


def test_every_setting_of_the_schema_is_explained(capfd: pytest.CaptureFixture[str]) -> None:
    content = schema(capfd)
    silent = [
        f"{block}.{name}"
        for block, definition in content["$defs"].items()
        if "description" in definition  # short forms have none
        for name, setting in definition.get("properties", {}).items()
        if not {"description", "const"} & set(setting) and "$ref" not in setting
    ]
    assert silent == []
