# SPDX-License-Identifier: Apache-2.0
"""``hepacast extract --pyradiomics-csv`` against two tables of the ``pyradiomics`` command 3.0.1.

The tables were written once by that command, for the phantoms and settings below.
"""

from __future__ import annotations

import csv
import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from click.testing import CliRunner

from hepacast.cli.commands.extract import command

SETTINGS = {
    "plain": "imageType: {Original: {}, LoG: {sigma: [1.0]}}\nsetting: {binWidth: 25}\n",
    "listed": """
imageType: {Wavelet: {wavelet: haar}, Original: {}}
featureClass:
  ngtdm: [Strength, Busyness]
  shape:
  glcm:
  firstorder: [Mean, Energy]
setting: {binCount: 16, resampledPixelSpacing: [1.1, 1.1, 1.6], resegmentRange: [-50, 120]}
""",
}


def write_cases(folder: Path) -> None:
    """Write two phantoms, their masks and the table of them; the second has a wrong label."""
    spec = importlib.util.spec_from_file_location(
        "pyradiomics_values_for_command", Path(__file__).with_name("pyradiomics_values.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for case in (1, 2):
        data, mask = module.phantom(case)
        for name, array in ((f"im{case}", data), (f"m{case}", mask.astype(np.uint8))):
            image = sitk.GetImageFromArray(array)
            image.SetSpacing(module.SPACING[::-1])
            sitk.WriteImage(image, str(folder / f"{name}.nii.gz"))
    (folder / "cases.csv").write_text(
        "ID,Image,Mask,Label\n001,im1.nii.gz,m1.nii.gz,1\n002,im2.nii.gz,m2.nii.gz,7\n"
    )


def numbers(text: str) -> list[float]:
    found = re.findall(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?", text.replace("np.float64", ""))
    return [float(one) for one in found]


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_the_table_has_the_columns_and_values_of_the_command(name: str, tmp_path: Path) -> None:
    write_cases(tmp_path)
    (tmp_path / "p.yaml").write_text(SETTINGS[name])
    out = tmp_path / "f.csv"
    call = [str(tmp_path / "cases.csv"), "-p", str(tmp_path / "p.yaml"), "-o", str(out)]
    done = CliRunner().invoke(command, [*call, "--pyradiomics-csv"], standalone_mode=False)
    assert done.return_value == 1, done.output
    stored = Path(__file__).with_name(f"pyradiomics_command_{name}.csv")
    with stored.open() as theirs, out.open() as ours:
        expected, found = list(csv.DictReader(theirs)), list(csv.DictReader(ours))
    assert list(found[0]) == list(expected[0])
    assert Path(found[0]["Image"]) == tmp_path / "im1.nii.gz"
    for column, value in expected[0].items():
        if "Versions" in column or column in {"Image", "Mask"}:
            continue
        if value != found[0][column]:
            assert numbers(found[0][column]) == pytest.approx(numbers(value), rel=1e-6), column
    # A case that fails keeps its row, without features.
    assert found[1]["ID"] == "002"
    assert {v for c, v in found[1].items() if c.startswith(("orig", "diag", "wave"))} == {""}
