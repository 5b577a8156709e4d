# SPDX-License-Identifier: Apache-2.0
"""Time and truth of DICOM readers, side by side on clean and faulty series.

Every case is made from one volume whose voxels and place are known.  A reader is
right when its voxels equal the truth at their world positions (or when, for a case
that has no right answer, it refuses); wrong when it returns something else without
an error.

    python benchmarks/imaging_converters.py [--dcm2niix PATH] [--dicom2nifti PYTHON]

The other tools are looked for outside this environment: the one wheel pulls in a
decoder that must not be loaded here.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813 - the name that everybody uses

from hepacast.core.errors import HepacastError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Volume
from hepacast.io.convert import convert_study
from hepacast.io.dicom.write import SeriesIdentity, uid_of, write_series
from hepacast.io.nifti import read_nifti
from hepacast.io.options import ReadOptions

GRID = Grid((60, 256, 256), (2.5, 0.8, 0.8), (-100.0, -110.0, 20.0))
Edit = Callable[[pydicom.Dataset, int], None]


@dataclass(frozen=True)
class Case:
    """A series, and the volumes that a reader should get out of it (none: refuse)."""

    name: str
    truths: list[Volume] = field(default_factory=list)


def ct(seed: int, brighter: float = 0.0) -> Volume:
    """Return a volume with noise, so that no two slices are alike."""
    rng = np.random.default_rng(seed)
    data = rng.normal(60 + brighter, 25, GRID.shape)
    data[:, :20] = -1000
    data[:, :, :16] = -1000
    return Volume(np.round(data).astype(np.float32), GRID)


def rewrite(paths: tuple[Path, ...], edit: Edit) -> None:
    """Change every file of a series."""
    for n, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        edit(dataset, n)
        dataset.save_as(path)


def make(folder: Path) -> list[Case]:
    """Write all cases below a folder."""
    one, two = ct(1), ct(2, 60)

    def series(
        name: str, volume: Volume = one, sub: str = "a", **attributes: object
    ) -> tuple[Path, ...]:
        identity = SeriesIdentity(series=name, attributes=attributes)
        return write_series(volume, folder / name / sub, identity)

    series("clean")
    for n, path in enumerate(series("shuffled names")):
        path.rename(path.with_name(f"{(n * 37) % 60:03d}x.dcm"))
    rewrite(
        series("random instance numbers"), lambda d, n: setattr(d, "InstanceNumber", n * 7 % 60)
    )
    series("two phases in one series", AcquisitionNumber=1)
    late = series("two phases in one series", two, "b", AcquisitionNumber=2)

    def renumber(d: pydicom.Dataset, n: int) -> None:
        d.SOPInstanceUID, d.InstanceNumber = uid_of("late", str(n)), n + 61

    rewrite(late, renumber)
    for path in late:
        path.rename(folder / "two phases in one series" / "a" / f"late{path.name}")
    late[0].parent.rmdir()
    series("missing slice")[20].unlink()
    doubled = series("duplicate slice")
    shutil.copy(doubled[9], doubled[9].with_name("copy.dcm"))
    rewrite(
        (doubled[9].with_name("copy.dcm"),), lambda d, _: setattr(d, "SOPInstanceUID", uid_of("c"))
    )
    scouted = series("a scout in the series")
    scout = scouted[0].with_name("scout.dcm")
    shutil.copy(scouted[0], scout)

    def localize(d: pydicom.Dataset, n: int) -> None:
        d.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        d.ImageOrientationPatient, d.SOPInstanceUID = [1, 0, 0, 0, 0, -1], uid_of("scout", str(n))
        d.ImagePositionPatient = [-100, 0, 180]

    rewrite((scout,), localize)
    rewrite(
        series("a series id per slice"),
        lambda d, n: setattr(d, "SeriesInstanceUID", uid_of(str(n))),
    )
    cut = series("truncated file")[30]
    cut.write_bytes(cut.read_bytes()[:-40_000])
    return [
        Case("clean", [one]), Case("shuffled names", [one]),
        Case("random instance numbers", [one]), Case("two phases in one series", [one, two]),
        Case("missing slice"), Case("duplicate slice", [one]),
        Case("a scout in the series", [one]), Case("a series id per slice", [one]),
        Case("truncated file"),
    ]  # fmt: skip


def found_by_hepacast(folder: Path, out: Path) -> list[Volume]:
    """Convert and read back what was written."""
    return [read_nifti(path) for path in convert_study(folder, out).written]


def found_by_simpleitk(folder: Path, _out: Path) -> list[Volume]:
    """Read every series that the library lists."""
    reader = sitk.ImageSeriesReader()
    volumes = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        for uid in reader.GetGDCMSeriesIDs(str(place)):
            reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(place), uid))
            image = reader.Execute()
            axes = np.array(image.GetDirection()).reshape(3, 3).T[::-1].tolist()
            data = sitk.GetArrayFromImage(image).astype(np.float32)
            k, j, i = image.GetSpacing()[::-1]
            affine = np.eye(4)
            affine[:3, :3] = np.array(axes).T * [k, j, i]
            affine[:3, 3] = image.GetOrigin()
            grid = Grid.from_affine(affine, data.shape)
            volumes.append(Volume(data, grid))
    return volumes


def found_by_dcm2niix(tool: str, folder: Path, out: Path) -> list[Volume]:
    """Run the program and read what it wrote."""
    out.mkdir(parents=True)
    run = subprocess.run([tool, "-z", "y", "-1", "-b", "n", "-o", str(out), str(folder)],
                         capture_output=True, check=False, text=True)  # fmt: skip
    if run.returncode:
        raise RuntimeError(run.stdout[-200:])
    return [volume for path in sorted(out.glob("*.nii.gz")) for volume in every_volume(path)]


def found_by_dicom2nifti(python: str, folder: Path, out: Path) -> list[Volume]:
    """Run the package in its own interpreter."""
    out.mkdir(parents=True)
    code = "import sys, dicom2nifti; dicom2nifti.convert_directory(sys.argv[1], sys.argv[2])"
    run = subprocess.run([python, "-c", code, str(folder), str(out)],
                         capture_output=True, check=False, text=True)  # fmt: skip
    found = [volume for path in sorted(out.glob("*.nii.gz")) for volume in every_volume(path)]
    if not found:
        raise RuntimeError(run.stderr[-200:])
    return found


def every_volume(path: Path) -> list[Volume]:
    """Read a file, all volumes of it if it has four dimensions."""
    try:
        return [read_nifti(path)]
    except HepacastError as error:
        if "volumes" not in error.got:
            # A scout of one slice, say: it is not what is looked for.
            return []
        return [read_nifti(path, ReadOptions(frame=n)) for n in range(int(error.got.split()[0]))]


def equal(found: Volume, truth: Volume) -> bool:
    """Compare voxels at the truth's world positions, whatever the order of the axes."""
    index = np.round(found.grid.to_index(GRID.to_world(PROBES))).astype(int)
    if np.any(index < 0) or np.any(index >= found.data.shape):
        return False
    if np.prod(found.data.shape) != np.prod(truth.data.shape):
        return False
    return np.array_equal(found.data[tuple(index.T)], truth.data[tuple(PROBES.T)])


PROBES = np.stack([np.random.default_rng(3).integers(0, n, 20_000) for n in GRID.shape], axis=1)


def verdict(found: list[Volume] | None, truths: list[Volume]) -> str:
    """Say what a result is worth."""
    if not found:
        return "refused" if truths else "right (refused)"
    if not truths:
        return "WRONG, silently"
    hits = sum(any(equal(volume, truth) for volume in found) for truth in truths)
    if hits == len(truths):
        return "right" if len(found) == len(truths) else f"right + {len(found) - len(truths)} more"
    return "WRONG, silently"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dcm2niix", default=shutil.which("dcm2niix"))
    parser.add_argument("--dicom2nifti", help="an interpreter that has the package")
    given = parser.parse_args()
    readers: dict[str, Callable[[Path, Path], list[Volume]]] = {
        "hepacast": found_by_hepacast,
        "SimpleITK": found_by_simpleitk,
    }
    if given.dcm2niix:
        readers["dcm2niix"] = lambda folder, out: found_by_dcm2niix(given.dcm2niix, folder, out)
    if given.dicom2nifti:
        readers["dicom2nifti"] = lambda folder, out: found_by_dicom2nifti(
            given.dicom2nifti, folder, out
        )
    sitk.ProcessObject.GlobalWarningDisplayOff()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        cases = make(root / "in")
        print(f"{'case':28s}" + "".join(f"{name:>30s}" for name in readers))
        for case in cases:
            row = f"{case.name:28s}"
            for name, read in readers.items():
                began = time.perf_counter()
                try:
                    found = read(root / "in" / case.name, root / "out" / name / case.name)
                except (HepacastError, RuntimeError, OSError, ValueError):
                    found = None
                seconds = time.perf_counter() - began
                row += f"{verdict(found, case.truths):>21s} {seconds:6.2f} s"
            print(row)
            sys.stdout.flush()


if __name__ == "__main__":
    main()
