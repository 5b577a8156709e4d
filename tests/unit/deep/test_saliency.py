"""Maps on the patient's grid, their mass, and the checks that a map must pass."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hepacast.core.errors import GeometryError, NotEstimableError
from hepacast.core.geometry import Grid
from hepacast.core.volume import Region, Volume
from hepacast.deep.attribution import explain, logit
from hepacast.deep.attribution_params import GradCamParams, ScoreCamParams
from hepacast.deep.device import one_thread
from hepacast.deep.saliency import Likeness, likeness, mass_shares, on_grid, repeatability
from hepacast.deep.saliency_checks import delete_and_insert, label_dependence, randomise_weights


def test_a_map_lands_where_its_picture_was() -> None:
    # The image is turned by half a circle; the picture is upright and finer.
    turned = ((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0))
    grid = Grid((6, 10, 12), (5.0, 2.0, 2.0), (22.0, 18.0, 0.0), turned)
    crop = Grid((8, 10, 10), (2.0, 1.0, 1.0), (4.0, 6.0, 9.0))

    def slope(point: np.ndarray) -> np.ndarray:
        return np.asarray(100 + point @ np.array([1.0, 2.0, 3.0]))

    found = on_grid(slope(crop.to_world(_indices(crop))), crop, grid).data
    points = grid.to_world(_indices(grid))
    at = crop.to_index(points)
    inside = ((at >= 0) & (at <= np.array(crop.shape) - 1)).all(axis=-1)
    assert inside.sum() == 3 * 5 * 5
    assert np.allclose(found[inside], slope(points)[inside], rtol=1e-6)
    far = ((at < -0.5) | (at > np.array(crop.shape) - 0.5)).any(axis=-1)
    assert not found[far].any()


def _indices(grid: Grid) -> np.ndarray:
    return np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)


def test_a_map_of_slices_counts_for_all_of_them() -> None:
    grid = Grid((5, 4, 4), (3.0, 1.0, 1.0))
    crop = Grid((3, 4, 4), (3.0, 1.0, 1.0), (0.0, 0.0, 3.0))
    found = on_grid(np.eye(4), crop, grid)
    assert found.data.sum(axis=(1, 2)).tolist() == [0, 4, 4, 4, 0]
    with pytest.raises(GeometryError, match="shape of the picture"):
        on_grid(np.eye(5), crop, grid)


def test_shares_add_up_and_stand_beside_an_even_map() -> None:
    grid = Grid((1, 10, 10), (1.0, 1.0, 1.0))
    tumour, ring, picture = (np.zeros(grid.shape, bool) for _ in range(3))
    tumour[0, 4:6, 4:6] = True
    ring[0, 3:7, 3:7] = True
    picture[0, 2:8, 2:8] = True
    values = np.zeros(grid.shape, np.float32)
    values[0, 4, 4], values[0, 3, 3], values[0, 2, 2] = 5.0, 3.0, 2.0
    shares = mass_shares(
        Volume(values, grid), *(Region(mask, grid) for mask in (tumour, ring, picture))
    )
    assert (shares.tumour, shares.ring) == pytest.approx((0.5, 0.3))
    assert shares.outside == pytest.approx(0.2)
    assert (shares.expected_tumour, shares.expected_ring) == pytest.approx((4 / 36, 12 / 36))
    with pytest.raises(NotEstimableError, match="blank map"):
        mass_shares(
            Volume(np.zeros(grid.shape, np.float32), grid),
            *(Region(mask.copy(), grid) for mask in (tumour, ring, picture)),
        )


def test_unlike_maps_are_unlike() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.random((20, 22)), rng.random((20, 22))
    assert likeness(one, one) == Likeness(1.0, 1.0)
    assert abs(likeness(one, other).spearman) < 0.15
    assert likeness(one, other).ssim < 0.3
    assert likeness(one, np.zeros((20, 22))).spearman == 0.0
    assert repeatability([one, one, other]).spearman == pytest.approx(
        (1 + 2 * likeness(one, other).spearman) / 3
    )


class Detector(torch.nn.Module):
    """Trained to tell a bright patch from a dark one; a little network."""

    cam_layer = "body.3"

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(1, 8, 5, stride=2, padding=2), torch.nn.ReLU(),
            torch.nn.Conv2d(8, 8, 3, padding=1), torch.nn.ReLU(),
        )  # fmt: skip
        self.head = torch.nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.body(x).flatten(2).mean(-1))
        return out


def _pictures(rng: np.random.Generator, n: int) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Noise with a patch of rows; every second picture has a patch of columns too."""
    x = rng.normal(0, 0.3, (n, 1, 32, 32)).astype(np.float32)
    y = np.arange(n) % 2
    places = rng.integers(2, 22, (n, 2))
    stripes = np.where(np.arange(8) % 2 == 0, 2.0, -2.0)
    for at in range(n):
        j, i = rng.integers(2, 22, 2)
        x[at, 0, j : j + 8, i : i + 8] += stripes[:, None]
        if y[at]:
            j, i = places[at]
            x[at, 0, j : j + 8, i : i + 8] = stripes[None, :]
    return torch.from_numpy(x), torch.from_numpy(y).float(), places


def _trained(*, labels_mean_something: bool) -> Detector:
    rng = np.random.default_rng(2)
    x, y, _ = _pictures(rng, 64)
    if not labels_mean_something:
        y = torch.from_numpy(rng.permutation(y.numpy()))
    torch.manual_seed(1)
    network = Detector()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(x)[:, 0], y)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return network.eval()


@pytest.fixture(scope="module")
def detector() -> Detector:
    with one_thread():
        return _trained(labels_mean_something=True)


@pytest.fixture(scope="module")
def picture() -> tuple[torch.Tensor, np.ndarray]:
    x, _, places = _pictures(np.random.default_rng(9), 2)
    return x[1:], places[1]


@pytest.mark.parametrize("params", [GradCamParams(), ScoreCamParams()], ids=lambda p: p.kind)
def test_a_map_of_a_trained_network_passes_the_checks(
    detector: Detector, picture: tuple[torch.Tensor, np.ndarray], params: GradCamParams
) -> None:
    x, (j, i) = picture
    found = explain(detector, x, logit(), params)
    assert found.score > 0.9
    assert found.baseline < 0.5
    patch = found.values[j : j + 8, i : i + 8].sum() / found.values.sum()
    assert patch > 4 * 64 / 32**2
    result = delete_and_insert(detector, x, logit(), found)
    assert result.deletion < result.random_deletion.mean()
    assert result.insertion > result.random_insertion.mean()
    assert result.p_deletion <= 0.1 or result.p_insertion <= 0.1


def test_a_random_map_does_not_pass(
    detector: Detector, picture: tuple[torch.Tensor, np.ndarray]
) -> None:
    x, _ = picture
    found = explain(detector, x, logit())
    rng = np.random.default_rng(3)
    p_values = []
    for _ in range(8):
        noise = type(found)(
            values=np.kron(rng.random((16, 16)), np.ones((2, 2))).astype(np.float32),
            cells=np.zeros((16, 16), np.float32),
            method="noise", target="logit 0", layer="none", score=1.0, baseline=0.0,
        )  # fmt: skip
        p_values.append(delete_and_insert(detector, x, logit(), noise).p_deletion)
    assert np.mean(p_values) > 0.25


def test_random_weights_spoil_the_map_and_leave_the_network(
    detector: Detector, picture: tuple[torch.Tensor, np.ndarray]
) -> None:
    x, _ = picture
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    found = randomise_weights(detector, x, logit(), seed=4)
    assert found.layers == ("head", "body.2", "body.0")
    assert not found.survives
    assert "depends on the weights" in found.sentence()
    assert all(torch.equal(v, before[name]) for name, v in detector.state_dict().items())


def test_a_map_of_edges_survives_random_weights(
    picture: tuple[torch.Tensor, np.ndarray],
) -> None:
    class Edges(torch.nn.Module):
        """Shows the same map whatever its head learned."""

        cam_layer = "seen"

        def __init__(self) -> None:
            super().__init__()
            self.seen = torch.nn.AvgPool2d(3, 1, 1)
            self.head = torch.nn.Linear(1, 1)
            with torch.no_grad():
                self.head.weight.fill_(1.0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.head(self.seen(x.abs()).flatten(2).mean(-1))
            return out

    found = randomise_weights(Edges(), picture[0], logit())
    assert found.survives
    assert "NOT explained" in found.sentence()


def test_maps_of_permuted_labels_are_unlike(
    detector: Detector, picture: tuple[torch.Tensor, np.ndarray]
) -> None:
    permuted = _trained(labels_mean_something=False)
    x, _ = picture
    maps = [explain(one, x, logit()) for one in (detector, permuted)]
    (found,) = label_dependence(maps[:1], maps[1:])
    assert found.spearman < 0.5
    assert label_dependence(maps[:1], maps[:1]) == (Likeness(1.0, 1.0),)
