# SPDX-License-Identifier: Apache-2.0
"""One study, worked on in several ways: the same bytes come out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from hepacast.cli.main import main
from hepacast.core.errors import StudyError, TableError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.io.nifti import write_nifti
from hepacast.io.records import Records
from hepacast.run.cases.explain import Verified, explain, verify
from hepacast.run.cases.many import measure_all
from hepacast.run.cases.measure import plan_cases
from hepacast.run.exported import export_features
from hepacast.run.gather import gather
from hepacast.run.work.cluster import ClusterParams, cluster
from hepacast.run.work.door import ADDRESS, DOOR, join_run, tls
from hepacast.run.work.execute import Executor
from hepacast.run.work.execution import Execution
from hepacast.run.work.ledger import Ledger
from hepacast.run.work.shard import Shard, SharesLeftError

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("distributed")


STUDY = """
schema: 1
study: {name: eight}
cases: {table: cases.csv, masks: {tumour: mask}}
clinical: {table: clinical.csv, dictionary: fields.yaml}
outcomes: {er: {kind: binary, event: er, event_level: "1", other_levels: ["0"]}}
regions: {tumour: {mask: tumour}, ring: {from: tumour, ring_mm: 2}}
features: {own: {params: {families: [firstorder, glcm]}}}
scores: {rad: {from: [own], steps: [impute], model: ridge}}
models: {sets: {rad: [rad]}}
"""
JOIN = """
import sys
from hepacast.cli.main import main
if __name__ == "__main__":
    main(["worker", sys.argv[1], "--workers", "1", "--host", "127.0.0.1"])
"""
KILLED = """
import sys
from pathlib import Path
from hepacast.run.cases.many import measure_all
from hepacast.run.work.execution import Execution
from hepacast.run.cases.explain import Verified, explain, verify
from hepacast.run.exported import export_features
from hepacast.run.gather import gather
from hepacast.run.work.ledger import Ledger
from hepacast.run.cases.measure import plan_cases
if __name__ == "__main__":
    out = Path(sys.argv[2])
    with Execution(1).open(out) as run:
        measure_all(plan_cases(gather(Path(sys.argv[1])), out), run)
"""
FIELDS = "er: {kind: event, timing: outcome}\n"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Write eight small cases, and return the study file."""
    folder = tmp_path / "study"
    folder.mkdir()
    rng = np.random.default_rng(3)
    grid = Grid((8, 16, 16), (2.0, 1.0, 1.0))
    cases, clinical = ["case,phase,image,mask"], ["case,er"]
    for at in range(8):
        image, mask = (folder / f"{at}_{kind}.nii.gz" for kind in ("image", "mask"))
        write_nifti(Volume(rng.normal(60, 9, grid.shape).astype(np.float32), grid), image)
        inside = np.zeros(grid.shape, dtype=bool)
        inside[2:6, 4:11, 4 : 9 + at % 3] = True
        write_nifti(Region(inside, grid), mask)
        cases.append(f"{at:03d},A,{image.name},{mask.name}")
        clinical.append(f"{at:03d},{at % 2}")
    (folder / "cases.csv").write_text("\n".join(cases))
    (folder / "clinical.csv").write_text("\n".join(clinical))
    (folder / "fields.yaml").write_text(FIELDS)
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"


def square(item: int) -> int:
    time.sleep(0.05)
    return item * item


def process(_item: int) -> int:
    time.sleep(0.1)
    return os.getpid()


def records_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("c*/??/*.parquet")}


def test_a_share_of_a_cluster_is_refused() -> None:
    with pytest.raises(StudyError, match="worked on by one machine"):
        Execution(cluster=ClusterParams(), shard=Shard(1, 2))


def test_nobody_joins_a_run_that_does_not_listen(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="--on listen"):
        join_run(tmp_path, workers=1)


def test_certificates_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no ca\.pem"):
        tls(tmp_path)


@pytest.mark.parametrize("options", [["--shard", "3/2"], ["--shard", "1/2", "--on", "local"]])
def test_options_that_contradict_are_one_line(
    options: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["run", "absent.yaml", "--out", str(out), *options]) == 2
    assert capfd.readouterr().err.count("\n") == 1
    assert not out.exists()


@pytest.mark.slow
def test_a_machine_joins_through_the_folder_and_speaks_tls(tmp_path: Path) -> None:
    params = ClusterParams(kind="listen", host="127.0.0.1", workers=1)
    with cluster(params, tmp_path) as run:
        door = tmp_path / DOOR
        assert (door / "key.pem").stat().st_mode & 0o077 == 0
        assert (door / ADDRESS).read_text().startswith("tls://")
        command = [sys.executable, "-c", JOIN, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as joined:
            while run.pool is not None and run.pool.workers < 2:
                time.sleep(0.1)
            assert len({pid for _, pid in run.map(process, range(20))}) == 2
            assert dict(run.map(square, range(20))) == {at: at * at for at in range(20)}
            run.pool.client.shutdown()  # type: ignore[union-attr]
            said, _ = joined.communicate(timeout=60)
    assert "the run has ended" in said


@pytest.mark.slow
def test_every_way_of_working_writes_the_same_records(study: Path, tmp_path: Path) -> None:
    materials = gather(study)
    ways = {
        "alone": Execution(1),
        "two": Execution(2),
        "four": Execution(4),
        "cluster": Execution(cluster=ClusterParams(workers=2)),
    }
    found = {}
    for name, way in ways.items():
        out = tmp_path / name
        tasks = plan_cases(materials, out)
        with way.open(out) as run:
            measure_all(tasks if name == "alone" else tasks[::-1], run)
        found[name] = records_of(out)
    out = tmp_path / "shares"
    for k in (3, 1, 2):
        with Execution(1, shard=Shard(k, 3)).open(out) as run:
            try:
                measure_all(plan_cases(materials, out), run)
            except SharesLeftError:
                assert k != 2
    found["shares"] = records_of(out)
    assert len(found["alone"]) == 8
    assert all(records == found["alone"] for records in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_run_killed_at_any_moment_goes_on_and_ends_the_same(
    seed: int, study: Path, tmp_path: Path
) -> None:
    tasks = plan_cases(gather(study), tmp_path / "whole")
    measure_all(tasks, Executor())
    out = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(study), str(out)]
    started = subprocess.Popen(command)
    while not any(out.glob("cases/??")):
        time.sleep(0.01)
    time.sleep(0.05 * seed)
    started.send_signal(signal.SIGKILL)
    started.wait()
    before = records_of(out)
    measure_all(plan_cases(gather(study), out), Executor())
    after = records_of(out)
    assert after == records_of(tmp_path / "whole")
    assert all(after[name] == data for name, data in before.items())
    for entry in (out / "cases" / "index").glob("*.json"):
        json.loads(entry.read_text())


def finished(study: Path, out: Path) -> Path:
    measure_all(plan_cases(gather(study), out), Executor())
    return out


def test_an_unchanged_case_is_said_to_be_so(study: Path, tmp_path: Path) -> None:
    out = finished(study, tmp_path / "out")
    assert "unchanged; key" in explain(study, out, "003")[0]


def test_a_changed_setting_is_named_with_both_values(study: Path, tmp_path: Path) -> None:
    out = finished(study, tmp_path / "out")
    study.write_text(study.read_text().replace("ring_mm: 2", "ring_mm: 3"))
    head, *lines = explain(study, out, "003")
    assert head == "003: will be measured anew"
    assert [line.strip() for line in lines] == ["params.regions.ring.ring_mm: 2.0 -> 3.0"]


def test_a_changed_image_is_named(study: Path, tmp_path: Path) -> None:
    out = finished(study, tmp_path / "out")
    (study.parent / "3_image.nii.gz").write_bytes((study.parent / "4_image.nii.gz").read_bytes())
    (line,) = explain(study, out, "003")[1:]
    assert line.strip().startswith("inputs.A image: ")


def test_a_case_that_nobody_knows_is_refused(study: Path, tmp_path: Path) -> None:
    with pytest.raises(TableError, match="must be in the study, with images"):
        explain(study, tmp_path, "nobody")
    assert explain(study, tmp_path, "003") == ("003: never measured",)


def test_records_that_are_right_are_verified_and_wrong_ones_named(
    study: Path, tmp_path: Path
) -> None:
    out = finished(study, tmp_path / "out")
    found = verify(study, out, Executor(), count=3)
    assert [one.differing for one in found if isinstance(one, Verified)] == [(), (), ()]
    records = Records(out)
    key = Ledger(out / "cases" / "index").read("003").key  # type: ignore[union-attr]
    record = records.find(key)
    assert record is not None
    values = record.values.copy()
    values[4] = np.nextafter(values[4], np.inf)
    records.keep(replace(record, values=values))
    wrong = {one.case: one for one in verify(study, out, Executor(), count=8) if one.differing}  # type: ignore[union-attr]
    assert {case: one.differing for case, one in wrong.items()} == {"003": (record.names[4],)}  # type: ignore[union-attr]


def test_features_are_exported_as_they_were_measured(study: Path, tmp_path: Path) -> None:
    out = finished(study, tmp_path / "out")
    target = tmp_path / "features.parquet"
    assert main(["export", str(target), "--study", str(study), "--out", str(out)]) == 0
    frame = pl.read_parquet(target)
    assert frame.height == 8
    assert "A/ring/original/glcm/Contrast" in frame.columns
    with pytest.raises(StudyError, match="no measured block 'other'"):
        export_features(study, out, target, block="other")


def test_nothing_is_exported_before_it_is_measured(study: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no case with a record"):
        export_features(study, tmp_path / "out", tmp_path / "x.csv")
