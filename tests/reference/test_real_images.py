"""Real images go through the reading, region and feature code of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.volume import Region
from hepacast.io.images import read_image
from hepacast.radiomics import ExtractParams, extract_case
from hepacast.regions.shells import ring
from hepacast.run.cases.build import build_regions
from hepacast.run.parts.rows import ImageRow, MaskFile
from hepacast.run.settings.case import RegionParams

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = ExtractParams.model_validate({"families": ["shape", "firstorder", "glcm"]})
LIVER = 5


@pytest.mark.parametrize(
    ("scan", "labels"),
    [("example_ct_sm", "example_seg"), ("example_mr_sm", "example_seg_mr")],
)
def test_liver_of_a_public_scan_is_read_ringed_and_measured(
    shared: Path, scan: str, labels: str
) -> None:
    folder = shared / "totalseg_example"
    image, mask = folder / f"{scan}.nii.gz", folder / f"{labels}.nii.gz"
    volume = read_image(image)
    row = ImageRow("x", "portal", "1", image, {"liver": MaskFile(mask, (LIVER,))})

    regions = build_regions(
        row,
        volume,
        {"liver": RegionParams(mask="liver"), "ring": RegionParams(from_="liver", ring_mm=6)},
    )
    found = extract_case({"portal": volume}, regions, SETTINGS)

    assert volume.grid.spacing == pytest.approx((3.0,) * 3, rel=1e-3)
    assert 100 < regions["liver"].volume_ml < 3000
    assert not (regions["ring"].mask & regions["liver"].mask).any()
    by_name = {str(key): value for key, value in found.values.items()}
    mesh = by_name["portal/liver/original/shape/MeshVolume"]
    assert mesh / 1000 == pytest.approx(regions["liver"].volume_ml, rel=0.05)
    assert np.isfinite(list(by_name.values())).all()


def test_dicom_series_of_a_patient_is_read_and_measured(shared: Path) -> None:
    volume = read_image(shared / "crlm" / "CRLM-CT-1004" / "image")
    middle = tuple(n // 2 for n in volume.grid.shape)
    distance = np.linalg.norm(
        volume.grid.to_world(np.moveaxis(np.indices(volume.grid.shape), 0, -1))
        - volume.grid.to_world(middle),
        axis=-1,
    )
    ball = Region(distance <= 20, volume.grid, "ball")

    found = extract_case({"portal": volume}, {"ball": ball, "ring": ring(ball, 10)}, SETTINGS)

    assert volume.grid.shape[0] == 41
    assert volume.grid.spacing[0] == pytest.approx(5.0)
    assert -1100 <= float(volume.data.min()) < -900, "air in HU"
    by_name = {str(key): value for key, value in found.values.items()}
    assert by_name["portal/ball/original/firstorder/Mean"] == pytest.approx(
        float(volume.data[ball.mask].mean()), rel=1e-6
    )
    assert by_name["portal/ball/original/shape/VoxelVolume"] == pytest.approx(
        4 / 3 * np.pi * 20**3, rel=0.05
    )
