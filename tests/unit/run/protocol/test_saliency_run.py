"""A map becomes a file on the patient's grid, a picture, and a sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import torch

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.deep.attribution import logit, pooled_feature
from hepacast.io.nifti import read_nifti
from hepacast.run.protocol.saliency import Seen, explain_case, write_explained

if TYPE_CHECKING:
    from pathlib import Path

GRID = Grid((8, 40, 40), (3.0, 1.0, 1.0))
CROP = Grid((16, 24, 24), (1.0, 1.0, 1.0), (8.0, 8.0, 4.0))


class Bright(torch.nn.Module):
    """A logit that rises with brightness; its second feature falls."""

    cam_layer = "keep"

    def __init__(self) -> None:
        super().__init__()
        self.keep = torch.nn.Conv3d(1, 2, 1)
        with torch.no_grad():
            self.keep.weight[:] = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1, 1)
            self.keep.bias.zero_()  # type: ignore[union-attr]

    def features(self, x: torch.Tensor) -> torch.Tensor:
        kept: torch.Tensor = self.keep(x)
        return kept.flatten(2).mean(-1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 10 * self.features(x)[:, :1]


def case() -> Seen:
    def ball(grid: Grid, radius: float) -> np.ndarray:
        points = grid.to_world(
            np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1)
        )
        return np.asarray(((points - np.array([18.0, 20.0, 11.0])) ** 2).sum(-1) <= radius**2)

    tumour = Region(ball(GRID, 5), GRID, "tumour")
    image = np.where(tumour.mask, 120.0, 40.0).astype(np.float32)
    x = torch.from_numpy(ball(CROP, 5).astype(np.float32))[None, None]
    return Seen(x, CROP, Volume(image, GRID), tumour)


def test_a_map_is_written_raw_on_the_images_grid(tmp_path: Path) -> None:
    seen = case()
    found = explain_case(Bright(), seen, logit())
    assert found.shares is not None
    assert found.shares.tumour > 0.8
    assert found.shares.tumour + found.shares.ring > 0.99
    assert 0 < found.shares.expected_tumour < 0.2
    files = write_explained(found, seen, tmp_path / "maps", "P001")
    again = read_nifti(files["nii.gz"])
    assert again.grid.distance_mm(GRID) < 1e-3
    assert np.allclose(again.data, found.volume.data)
    assert files["png"].read_bytes()[:4] == b"\x89PNG"
    record = json.loads(files["json"].read_text())
    assert not record["blank"]
    assert "an even map would have" in record["caption"]


def test_a_blank_map_has_no_shares_and_says_so(tmp_path: Path) -> None:
    seen = case()
    found = explain_case(Bright(), seen, pooled_feature(1))
    assert found.shares is None
    files = write_explained(found, seen, tmp_path, "P001")
    record = json.loads(files["json"].read_text())
    assert record["blank"]
    assert "no mass to divide" in record["caption"]
    assert not read_nifti(files["nii.gz"]).data.any()
