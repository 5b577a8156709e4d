# SPDX-License-Identifier: Apache-2.0
"""Time a node that has read its predictor once against ``hepacast predict`` for every study.

Synthetic examinations of three phases, with liver and tumour as a segmentation, are sent
by C-STORE to a node of this machine; the same ones are then predicted one program each.

    python benchmarks/serve.py WORK --studies 20 --cold 5

CPU seconds are reported beside wall seconds: on a busy machine only they compare.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from pydicom import dcmread
from pynetdicom import AE

from hepacast.io.dicom.series import list_series
from hepacast.io.dicom.write_seg import write_seg
from hepacast.io.images import read_image, read_region
from hepacast.phantom import PhantomParams, write_cohort

STUDY = """
schema: 1
study: {name: bench, title: Synthetic early recurrence, synthetic: true}
cases: {table: cases.csv, reader: reader, masks: {tumour: mask_tumour, liver: mask_liver}}
clinical: {table: clinical.csv, dictionary: fields.yaml}
outcomes:
  early:
    kind: survival
    time: rfs_days
    unit: days
    event: rfs_event
    event_level: "1"
    censored_level: "0"
    horizon_months: 24
regions: {liver: {mask: liver}, tumour: {mask: tumour}}
features:
  own: {regions: [tumour], params: {families: [shape, firstorder, glcm, glrlm, glszm, gldm, ngtdm]}}
scores: {rad: {from: [own], steps: [impute, variance, zscore], model: ridge}}
models: {sets: {rad: [rad]}}
split: {seed: 7, outer: 2, repeats: 1, inner: 2}
controls: {permuted_labels: 0}
deploy: {model: rad, licence: Apache-2.0}
"""
_COMMAND = [sys.executable, "-c", "from hepacast.cli.main import main; main()"]
_TICK = os.sysconf("SC_CLK_TCK")


def prepare(work: Path, spacing: float) -> tuple[Path, list[Path]]:
    """Make a predictor and examinations; returns where they are."""
    cohort, arrivals = work / "cohort", work / "arrivals"
    if not (cohort / "out" / "predictor" / "model.json").exists():
        shutil.rmtree(work, ignore_errors=True)
        params = PhantomParams(patients=20, spacing_mm=(spacing,) * 3, format="dicom", seed=5)
        write_cohort(params, cohort)
        (cohort / "study.yaml").write_text(STUDY)
        run = ["run", str(cohort / "study.yaml"), "--out", str(cohort / "out")]
        subprocess.run([*_COMMAND, *run], check=True, stdout=subprocess.DEVNULL)
        for images in sorted((cohort / "images").iterdir()):
            _add_masks(cohort, images, arrivals / images.name)
    return cohort / "out" / "predictor", sorted(arrivals.iterdir())


def _add_masks(cohort: Path, images: Path, target: Path) -> None:
    """Copy an examination, with its masks as a segmentation."""
    shutil.copytree(images, target)
    (series,) = list_series(target / "portal")
    grid = read_image(target / "portal").grid
    masks = [
        read_region(cohort / "masks" / images.name / f"portal_{name}_r1.nii.gz", name, grid)
        for name in ("liver", "tumour")
    ]
    write_seg(masks, series, target / "masks.dcm")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _cpu(process: int) -> float:
    """CPU seconds of a process and its children, running ones included."""
    found = [process]
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(words[1]) == process:
            found.append(int(place.parent.name))
    total = 0
    for one in found:
        words = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, words[11:15]))
    return total / _TICK


def _jobs(state: Path) -> list[tuple[str, float, float, float]]:
    """Rows of all jobs: state, made, ended, seconds."""
    base = f"file:{state / 'jobs.sqlite'}?mode=ro"
    with closing(sqlite3.connect(base, uri=True, timeout=30)) as opened:
        return list(opened.execute("SELECT state, made, ended, seconds FROM jobs"))


def _send(port: int, study: Path) -> int:
    """Send a study in one association; returns how many objects it has."""
    files = [dcmread(path) for path in sorted(study.rglob("*.dcm"))]
    ae = AE(ae_title="PACS")
    ae.dimse_timeout = ae.network_timeout = 300
    for sop_class in dict.fromkeys(file.SOPClassUID for file in files):
        ae.add_requested_context(sop_class)
    association = ae.associate("127.0.0.1", port, ae_title="HEPACAST")
    statuses = [association.send_c_store(file).Status for file in files]
    association.release()
    assert set(statuses) == {0}  # noqa: S101 - a benchmark of nothing otherwise
    return len(files)


def warm(predictor: Path, studies: list[Path], work: Path) -> float:
    """Send studies to a node; prints the figures, returns CPU seconds per study."""
    port, state = _free_port(), work / "state"
    shutil.rmtree(state, ignore_errors=True)
    settings = work / "node.json"
    settings.write_text(json.dumps({"listen": {"port": port, "callers": ["PACS"]}, "quiet_s": 1}))
    words = ["serve-node", str(predictor), str(settings), "--state", str(state)]
    node = subprocess.Popen([*_COMMAND, *words], stdout=subprocess.DEVNULL)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.1)
        idle, begun = _cpu(node.pid), time.perf_counter()
        count = sum(_send(port, study) for study in studies)
        sent = time.perf_counter() - begun
        while len(rows := _jobs(state)) < len(studies) or any(r[2] is None for r in rows):
            time.sleep(0.2)
        cpu = (_cpu(node.pid) - idle) / len(studies)
    finally:
        node.terminate()
        node.wait()
    seconds = sorted(row[3] for row in rows)
    span = max(row[2] for row in rows) - min(row[1] for row in rows)
    print(f"states {sorted({row[0] for row in rows})}, {count / sent:.0f} objects/s received")
    print(f"node: {3600 * len(rows) / span:.0f} studies/h (wall), {3600 / cpu:.0f} per CPU hour")
    print(
        f"node: prediction median {statistics.median(seconds):.2f} s, "
        f"p95 {seconds[int(0.95 * (len(seconds) - 1))]:.2f} s wall, {cpu:.2f} CPU s per study"
    )
    return cpu


def cold(predictor: Path, studies: list[Path], work: Path) -> float:
    """Start a program for every study; prints the figures, returns CPU seconds per study."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    walls = []
    for study in studies:
        begun = time.perf_counter()
        words = ["predict", str(predictor), str(study), str(work / "cold" / study.name)]
        subprocess.run([*_COMMAND, *words], check=True, stdout=subprocess.DEVNULL)
        walls.append(time.perf_counter() - begun)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    cpu = spent / len(studies)
    print(f"predict: median {statistics.median(walls):.2f} s wall, {cpu:.2f} CPU s per study")
    return cpu


def main() -> None:
    """Run both, and print their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("work", type=Path)
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--cold", type=int, default=5)
    parser.add_argument("--spacing", type=float, default=5.0, help="voxels, mm")
    arguments = parser.parse_args()
    predictor, arrivals = prepare(arguments.work, arguments.spacing)
    images = read_image(arrivals[0] / "portal")
    print(f"studies of 3 phases, {images.grid.shape} voxels each; {os.cpu_count()} cores")
    first = warm(predictor, arrivals[: arguments.studies], arguments.work)
    second = cold(predictor, arrivals[: arguments.cold], arguments.work)
    print(f"a program per study takes {second / first:.1f} times the CPU of the node")


if __name__ == "__main__":
    main()
