"""Images that the tests of this room share."""

from __future__ import annotations

import numpy as np
import pytest

from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume


@pytest.fixture
def ct() -> Volume:
    """Return a small CT: air, a body of water, a liver that varies."""
    rng = np.random.default_rng(7)
    data = np.full((8, 20, 24), -1000.0)
    data[:, 4:16, 4:20] = 0.0
    data[2:6, 6:14, 6:14] = rng.normal(100, 20, (4, 8, 8))
    return Volume(
        np.round(data).astype(np.float32),
        Grid((8, 20, 24), (5.0, 0.8, 0.7), (-100.0, -80.5, 33.25)),
    )


@pytest.fixture
def liver(ct: Volume) -> Region:
    """Return the liver of that CT."""
    mask = np.zeros(ct.grid.shape, dtype=bool)
    mask[2:6, 6:14, 6:14] = True
    return Region(mask, ct.grid, "liver")
