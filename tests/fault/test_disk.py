# SPDX-License-Identifier: Apache-2.0
"""Disks that fail at every single step, clocks that go back, odd locales: nothing is corrupt."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hepacast.core.errors import HepacastError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import write_nifti
from hepacast.io.records import Records
from hepacast.run.cases.many import measure_all
from hepacast.run.cases.measure import plan_cases
from hepacast.run.gather import gather
from hepacast.run.work.execute import Executor
from hepacast.run.work.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

STUDY = """
schema: 1
study: {name: two}
cases: {table: cases.csv, masks: {tumour: mask}}
clinical: {table: clinical.csv, dictionary: fields.yaml}
outcomes: {er: {kind: binary, event: er, event_level: "1", other_levels: ["0"]}}
regions: {tumour: {mask: tumour}}
features: {own: {params: {families: [firstorder]}}}
scores: {rad: {from: [own], steps: [impute], model: ridge}}
models: {sets: {rad: [rad]}}
"""
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
CASES = ("001", "İıß", "张伟")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write three small cases, with names that upset careless programs."""
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(3)
    grid = Grid((6, 12, 12), (2.0, 1.0, 1.0))
    cases, clinical = ["case,phase,image,mask"], ["case,er"]
    for at, case in enumerate(CASES):
        image, mask = (folder / f"{case}_{kind}.nii.gz" for kind in ("image", "mask"))
        write_nifti(Volume(rng.normal(60, 9, grid.shape).astype(np.float32), grid), image)
        inside = np.zeros(grid.shape, dtype=bool)
        inside[1:5, 3:9, 3:9] = True
        write_nifti(Region(inside, grid), mask)
        cases.append(f"{case},A,{image.name},{mask.name}")
        clinical.append(f"{case},{at % 2}")
    (folder / "cases.csv").write_text("\n".join(cases), encoding="utf-8")
    (folder / "clinical.csv").write_text("\n".join(clinical), encoding="utf-8")
    (folder / "fields.yaml").write_text("er: {kind: event, timing: outcome}\n")
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"


def run(study: Path, out: Path) -> dict[str, HepacastError]:
    return measure_all(plan_cases(gather(study), out), Executor())[1]


def files(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*.parquet"))
        if path.is_file()
    }


def require_nothing_corrupt(out: Path, whole: dict[str, bytes]) -> None:
    """Every file that can be seen is one of an undisturbed run."""
    for name, data in files(out).items():
        assert whole[name] == data
    for path in (out / "cases" / "index").glob("*"):
        assert path.suffix != ".tmp"
    records = Records(out)
    assert all(records.holds(key) for key in records.keys())  # noqa: SIM118 - not a mapping


@pytest.fixture(scope="module")
def whole(study: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Run once on a good disk."""
    out = tmp_path_factory.mktemp("whole")
    assert run(study, out) == {}
    return files(out)


STEPS: dict[str, tuple[Any, str]] = {
    "write": (os, "fdopen"),
    "fsync": (os, "fsync"),
    "rename": (Path, "replace"),
    "mkdir": (Path, "mkdir"),
}


def fail_at(number: int, real: Callable[..., Any], count: list[int]) -> Callable[..., Any]:
    """Make a call that fails once, the given time."""

    def call(*args: Any, **options: Any) -> Any:
        count[0] += 1
        if count[0] == number:
            raise FULL
        return real(*args, **options)

    return call


@pytest.mark.slow
@pytest.mark.parametrize("step", sorted(STEPS))
def test_whichever_step_fails_nothing_corrupt_is_seen_and_the_next_run_is_whole(
    step: str,
    study: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home, name = STEPS[step]
    number, count = 0, [1]
    while count[0] >= number:
        number += 1
        out, count = tmp_path / f"{number}", [0]
        with monkeypatch.context() as broken:
            broken.setattr(home, name, fail_at(number, getattr(home, name), count))
            try:
                failures = run(study, out)
            except HepacastError as error:
                failures = {"": error}
        if count[0] >= number:
            assert failures
            assert "No space left" in str(next(iter(failures.values())))
        require_nothing_corrupt(out, whole)
        assert run(study, out) == {}
        assert files(out) == whole
    assert number > 3


@pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root")
def test_a_disk_of_one_megabyte_fills_up_and_says_so(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "small"
    out.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(out)], check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (out / "ballast").write_bytes(bytes((1 << 20) - 16_384))
        failures = run(study, out)
        assert failures
        assert all("room on the disk" in str(error) for error in failures.values())
        require_nothing_corrupt(out, dict(files(out)))
        (out / "ballast").unlink()
        assert run(study, out) == {}
    finally:
        subprocess.run(["umount", str(out)], check=True)


def test_a_clock_that_goes_back_hides_no_change(study: Path, tmp_path: Path) -> None:
    copy = tmp_path / "study"
    copy.mkdir()
    for path in study.parent.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    out = tmp_path / "out"
    assert run(copy / "study.yaml", out) == {}
    image, other = copy / "001_image.nii.gz", copy / "张伟_image.nii.gz"
    image.write_bytes(other.read_bytes())
    os.utime(image, (1, 1))
    before = Ledger(out / "cases" / "index").read("001")
    assert run(copy / "study.yaml", out) == {}
    after = Ledger(out / "cases" / "index").read("001")
    assert before is not None
    assert after is not None
    assert after.key != before.key


@pytest.mark.slow
@pytest.mark.parametrize(
    "around",
    [
        {"LC_ALL": "tr_TR.UTF-8"},
        {"LC_ALL": "de_DE.UTF-8", "TZ": "Pacific/Kiritimati"},
        {"LC_ALL": "zh_CN.GB18030", "PYTHONHASHSEED": "1"},
        {"LC_ALL": "C", "PYTHONHASHSEED": "2"},
    ],
    ids=lambda around: around["LC_ALL"],
)
def test_no_locale_time_zone_or_hash_seed_changes_a_byte(
    around: dict[str, str], study: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; from hepacast.run.cases.many import measure_all\n"
        "from hepacast.run.work.execute import Executor; from hepacast.run.gather import gather\n"
        "from hepacast.run.cases.measure import plan_cases\n"
        "_, failures = measure_all("
        "plan_cases(gather(Path(sys.argv[1])), Path(sys.argv[2])), Executor())\n"
        "sys.exit(str(failures) if failures else 0)"
    )
    command = [sys.executable, "-c", code, str(study), str(tmp_path)]
    subprocess.run(command, check=True, env={**os.environ, **around})
    assert files(tmp_path) == whole


@pytest.mark.slow
def test_too_little_memory_is_an_error_not_a_wrong_record(
    study: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from hepacast.run.cases.many import measure_all\n"
        "from hepacast.run.work.execute import Executor\n"
        "from hepacast.run.gather import gather\n"
        "from hepacast.run.cases.measure import plan_cases\n"
        "tasks = plan_cases(gather(Path(sys.argv[1])), Path(sys.argv[2]))\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (8 << 20), used + (8 << 20)))\n"
        "_, failures = measure_all(tasks, Executor()); sys.exit(bool(failures))"
    )
    command = [sys.executable, "-c", code, str(study), str(tmp_path)]
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
    assert done.returncode != 0
    assert "emory" in done.stderr
    require_nothing_corrupt(tmp_path, whole)
    assert run(study, tmp_path) == {}
    assert files(tmp_path) == whole
