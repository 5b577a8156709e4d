"""Programs of the user: called without a shell, on neutral names, and asked for one mask."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.cli.main import main
from hepacast.core.errors import GeometryError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import write_nifti
from hepacast.io.programs import (
    PROGRAMS,
    BundleParams,
    NnunetParams,
    ProgramError,
    TotalSegmentatorParams,
    run_program,
)

if TYPE_CHECKING:
    from pathlib import Path

GRID = Grid((4, 6, 8), (5.0, 1.5, 1.5), (10.0, -20.0, 30.0))
# Stands for a program: notes its arguments, and thresholds the first image with nibabel.
FAKE = """#!{python}
import sys, pathlib
import nibabel
arguments = sys.argv[1:]
pathlib.Path({log!r}).write_text("\\n".join(arguments))
given = dict(zip(arguments, arguments[1:]))
folder = pathlib.Path(given.get("-i") or given["--dataset_dir"])
image = folder if folder.is_file() else folder / "case_0000.nii.gz"
out = pathlib.Path(given.get("-o") or given["--output_dir"])
found = nibabel.load(image)
mask = (found.get_fdata() > 0.5).astype("uint8") * {label}
(out / {name!r}).parent.mkdir(parents=True, exist_ok=True)
nibabel.save(nibabel.Nifti1Image(mask, found.affine), out / {name!r})
{end}
"""


def fake(folder: Path, name: str, label: int = 1, end: str = "") -> str:
    program = folder / "program"
    text = FAKE.format(
        python=sys.executable, log=str(folder / "log"), name=name, label=label, end=end
    )
    program.write_text(text)
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def image() -> Volume:
    rng = np.random.default_rng(1)
    return Volume(rng.random(GRID.shape, dtype=np.float32), GRID)


def test_totalsegmentator_is_asked_for_one_structure(tmp_path: Path, image: Volume) -> None:
    params = TotalSegmentatorParams(program=fake(tmp_path, "liver.nii.gz"), fast=True)
    found = run_program(params, [image], "liver")
    assert np.array_equal(found.mask, image.data > 0.5)
    assert found.grid.distance_mm(GRID) < 1e-3
    said = (tmp_path / "log").read_text().splitlines()
    assert said[4:] == ["--task", "total", "--roi_subset", "liver", "--device", "cpu", "--fast"]


def test_nnunet_gets_every_phase_and_gives_a_label(tmp_path: Path, image: Volume) -> None:
    params = NnunetParams(
        program=fake(tmp_path, "case.nii.gz", label=2), model="/models/hcc", folds=("0",), label=2
    )
    assert np.array_equal(run_program(params, [image, image], "tumour").mask, image.data > 0.5)
    said = (tmp_path / "log").read_text()
    assert "-m\n/models/hcc\n-f\n0\n-device\ncpu" in said


def test_a_bundle_is_run_by_its_own_interpreter(tmp_path: Path, image: Volume) -> None:
    program = fake(tmp_path, "case/case_0000_trans.nii.gz")
    found = run_program(BundleParams(program=program, bundle="/bundles/liver"), [image], "liver")
    assert np.array_equal(found.mask, image.data > 0.5)
    assert (tmp_path / "log").read_text().startswith("-m\nmonai.bundle\nrun\n--bundle_root")


def test_a_program_that_is_absent_is_named_with_the_way_out(image: Volume) -> None:
    params = TotalSegmentatorParams(program="no-such-program")
    with pytest.raises(ProgramError, match=r"'no-such-program' on the path.*whole path"):
        run_program(params, [image], "liver")


def test_a_program_that_fails_is_quoted(tmp_path: Path, image: Volume) -> None:
    program = fake(tmp_path, "liver.nii.gz", end="sys.exit('weights are missing')")
    with pytest.raises(ProgramError, match="exit code 1: weights are missing"):
        run_program(TotalSegmentatorParams(program=program), [image], "liver")


def test_a_program_that_never_ends_is_stopped(tmp_path: Path, image: Volume) -> None:
    program = fake(tmp_path, "liver.nii.gz", end="import time; time.sleep(60)")
    with pytest.raises(ProgramError, match="must end within 2 s"):
        run_program(TotalSegmentatorParams(program=program), [image], "liver", limit_s=2)


def test_a_mask_under_another_name_is_no_mask(tmp_path: Path, image: Volume) -> None:
    params = TotalSegmentatorParams(program=fake(tmp_path, "spleen.nii.gz"))
    with pytest.raises(ProgramError, match=r"0 of spleen\.nii\.gz"):
        run_program(params, [image], "liver")


def test_phases_on_two_grids_are_refused(image: Volume) -> None:
    other = Volume(np.zeros((4, 6, 9), np.float32), Grid((4, 6, 9), (5.0, 1.5, 1.5)))
    with pytest.raises(GeometryError, match="phases of a case"):
        run_program(TotalSegmentatorParams(), [image, other], "liver")


def test_settings_are_read_from_a_study_files_block() -> None:
    parsed = PROGRAMS.parse({"totalsegmentator": {"task": "total_mr"}})
    assert parsed == TotalSegmentatorParams(task="total_mr")


def test_the_command_compares_with_a_given_mask(
    tmp_path: Path, image: Volume, capsys: pytest.CaptureFixture[str]
) -> None:
    program = fake(tmp_path, "liver.nii.gz")
    write_nifti(image, tmp_path / "image.nii.gz")
    write_nifti(Region(np.asarray(image.data > 0.9), GRID, "liver"), tmp_path / "given.nii.gz")
    call = ["segment", str(tmp_path / "image.nii.gz"), str(tmp_path / "masks")]
    call += ["--program", f"{{totalsegmentator: {{program: '{program}'}}}}"]
    assert main([*call, "--given", str(tmp_path / "given.nii.gz")]) == 0
    assert "POOR: draw it by hand." in capsys.readouterr().out
    assert (tmp_path / "masks" / "liver.nii.gz").exists()
    assert main(call[:3]) == 2
