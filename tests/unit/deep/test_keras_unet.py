"""Networks rebuilt from a list of layers: counts, sizes and arithmetic, or a refusal."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import torch

from hepacast.core.errors import GeometryError, WeightsError
from hepacast.deep.keras_unet import LESION, LIVER, KerasPlan, _ready, rebuild
from hepacast.deep.liver import (
    closer,
    lesion_probability,
    liver_probability,
    unit_ct,
    unit_mr,
    view,
)

# As h5py lists them in the two files of pyliverlesionseg 0.3: (i, j, k, in, out).
_FLAT, _CUBE, _POINT = (3, 3, 1), (3, 3, 3), (1, 1, 1)
LIVER_KERNELS: list[tuple[int, ...]] = [
    (*_FLAT, 1, 20), (*_CUBE, 20, 40), (*_FLAT, 40, 40), (*_CUBE, 40, 80), (*_FLAT, 80, 80),
    (*_CUBE, 80, 160), (*_CUBE, 160, 160), (*_CUBE, 160, 160), (*_CUBE, 320, 160),
    (*_FLAT, 160, 80), (*_CUBE, 160, 80), (*_FLAT, 80, 40), (*_CUBE, 80, 40), (*_FLAT, 40, 20),
    (*_POINT, 20, 1),
]  # fmt: skip
LESION_KERNELS: list[tuple[int, ...]] = [
    (*_FLAT, 1, 20), (*_CUBE, 20, 40), (*_POINT, 1, 40), (*_FLAT, 40, 40), (*_CUBE, 40, 80),
    (*_POINT, 40, 80), (*_FLAT, 80, 80), (*_CUBE, 80, 160), (*_POINT, 80, 160),
    (*_FLAT, 160, 160), (*_CUBE, 160, 160), (*_CUBE, 320, 160), (*_FLAT, 160, 80),
    (*_POINT, 320, 80), (*_CUBE, 160, 80), (*_FLAT, 80, 40), (*_POINT, 160, 40), (*_CUBE, 80, 40),
    (*_FLAT, 40, 20), (*_POINT, 80, 20), (*_POINT, 20, 1),
]  # fmt: skip
LIVER_LAYERS = {
    "input": 2, "max_pooling3d": 5, "conv3d": 15, "lambda": 14, "leaky_re_lu": 14,
    "average_pooling3d": 10, "up_sampling3d": 5, "cropping3d": 3, "concatenate": 3, "multiply": 1,
}  # fmt: skip
LESION_LAYERS = {
    "input": 2, "max_pooling3d": 5, "conv3d": 21, "lambda": 14, "leaky_re_lu": 14, "add": 7,
    "average_pooling3d": 5, "up_sampling3d": 5, "cropping3d": 10, "concatenate": 3, "multiply": 1,
}  # fmt: skip


def file_of(
    kernels: list[tuple[int, ...]], kinds: dict[str, int], seed: int = 0
) -> tuple[dict[str, np.ndarray], list[str]]:
    rng = np.random.default_rng(seed)
    layers = [f"{kind}_{n + 1}" for kind, count in kinds.items() for n in range(count)]
    arrays = {}
    for n, shape in enumerate(kernels, start=1):
        spread = np.sqrt(2 / np.prod(shape[:4]))
        arrays[f"conv3d_{n}/kernel"] = rng.normal(0, spread, shape).astype(np.float32)
        arrays[f"conv3d_{n}/bias"] = np.zeros(shape[4], np.float32)
    return arrays, [*layers, "main"]


@pytest.mark.parametrize(
    ("plan", "kernels", "kinds", "parameters", "output"),
    [
        (LIVER, LIVER_KERNELS, LIVER_LAYERS, 3_874_961, (136, 136, 163)),
        (LESION, LESION_KERNELS, LESION_LAYERS, 3_464_221, (42, 84, 92)),
    ],
    ids=["liver", "lesion"],
)
def test_layers_parameters_and_sizes_are_the_files(
    plan: KerasPlan,
    kernels: list[tuple[int, ...]],
    kinds: dict[str, int],
    parameters: int,
    output: tuple[int, int, int],
) -> None:
    network = rebuild(*file_of(kernels, kinds), plan)
    assert plan.layers() == Counter(kinds) + Counter(main=1)
    assert sum(weight.numel() for weight in network.parameters()) == parameters
    # The programs of the package ask for outputs of 163 x 136 x 136 and 92 x 84 x 42 (i, j, k).
    assert network.output_shape() == output


def test_a_file_of_the_other_network_is_refused() -> None:
    with pytest.raises(WeightsError, match="0 add for 7"):
        rebuild(*file_of(LIVER_KERNELS, LIVER_LAYERS), LESION)


def test_channels_that_do_not_fit_are_refused() -> None:
    kernels = list(LIVER_KERNELS)
    kernels[4] = (*_FLAT, 80, 90)
    with pytest.raises(WeightsError, match="must fit one another"):
        rebuild(*file_of(kernels, LIVER_LAYERS), LIVER)


def test_a_kernel_meets_the_axes_that_it_was_made_for() -> None:
    # A kernel that shifts by one voxel along i only, in the very first layer.
    arrays, layers = file_of(LIVER_KERNELS, LIVER_LAYERS)
    arrays["conv3d_1/kernel"][:] = 0
    arrays["conv3d_1/kernel"][2, 1, 0, 0, 0] = 1.0
    first = rebuild(arrays, layers, LIVER).convolutions[0]
    image = torch.zeros(1, 1, 4, 5, 6)
    image[0, 0, 2, 2, 3] = 1.0
    with torch.no_grad():
        assert torch.nonzero(first(image)[0, 0]).tolist() == [[2, 2, 2]]


def test_upsampling_is_linear_between_cell_centres() -> None:
    network = rebuild(*file_of(LIVER_KERNELS, LIVER_LAYERS), LIVER)
    ramp = torch.tensor([0.0, 3.0, 6.0])[None, None, None, None].repeat(1, 1, 2, 2, 1)
    assert network._larger(ramp)[0, 0, 0, 0].tolist() == pytest.approx([0, 1, 2, 3, 4, 5, 6])


def test_norms_and_rectifiers_are_kerass() -> None:
    x = torch.arange(8.0).reshape(1, 1, 2, 2, 2)
    values = np.arange(8.0)
    expected = (values - values.mean()) / values.std()
    expected = np.where(expected > 0, expected, 0.01 * expected)
    assert np.allclose(_ready(x).numpy().ravel(), expected, atol=1e-6)


class Echo(torch.nn.Module):
    """Gives back the middle of its window."""

    def __init__(self, plan: KerasPlan, out: tuple[int, int, int]) -> None:
        super().__init__()
        self.plan, self.out = plan, out
        self.mark = torch.nn.Parameter(torch.zeros(1))
        self.windows: list[torch.Tensor] = []

    def output_shape(self) -> tuple[int, int, int]:
        return self.out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.windows.append(x)
        edges = [(w - o) // 2 for w, o in zip(self.plan.window, self.out, strict=True)]
        k, j, i = (slice(e, e + o) for e, o in zip(edges, self.out, strict=True))
        return x[..., k, j, i]


def test_the_liver_window_is_turned_and_its_answer_turned_back() -> None:
    echo = Echo(KerasPlan(3, (12, 12, 12)), (8, 8, 8))
    image = np.random.default_rng(1).random((7, 6, 5)).astype(np.float32)
    found = liver_probability(echo, image)  # type: ignore[arg-type]
    assert np.array_equal(found, image)
    assert echo.windows[0][0, 0, 6, 6, 6] == image[3, 2, 2]
    with pytest.raises(GeometryError, match="looks at"):
        liver_probability(echo, np.zeros((9, 3, 3), np.float32))  # type: ignore[arg-type]


def test_lesion_windows_cover_the_liver_and_nothing_else() -> None:
    echo = Echo(KerasPlan(2, (10, 12, 14)), (4, 6, 8))
    image = np.random.default_rng(1).uniform(-0.4, 0.4, (11, 20, 30)).astype(np.float32)
    liver = np.zeros(image.shape, bool)
    liver[2:9, 3:16, 4:25] = True
    found = lesion_probability(echo, image, liver)  # type: ignore[arg-type]
    assert np.array_equal(found[liver], image[liver])
    far = np.ones(image.shape, bool)
    far[0:11, 1:18, 2:27] = False
    assert not found[far].any()
    assert len(echo.windows) == 3 * 3 * 4


def test_a_long_scan_is_cut_above_the_lungs() -> None:
    image = np.full((200, 60, 60), -1000.0, np.float32)
    image[:, 10:50, 10:50] = 40.0
    image[150:190, 15:45, 15:45] = -850.0
    k, j, i = view(image, "ct", (136, 136, 163))
    # 70 mm, that is 23 slices, above the lowest lung.
    assert (k.stop, k.stop - k.start) == (173, 136)
    assert (j.start, j.stop) == (i.start, i.stop) == (12, 48)


def test_a_second_look_leaves_the_pelvis_out() -> None:
    liver = np.zeros((130, 4, 4), bool)
    liver[80:100] = True
    whole = (slice(0, 130), slice(0, 4), slice(0, 4))
    assert closer(liver, whole)[0] == slice(60, 120)
    liver[18:112] = True
    assert closer(liver, whole) == whole


def test_scales_end_where_the_package_ends_them() -> None:
    assert unit_ct(np.array([-200.0, 200.0, 3000.0])).tolist() == [-0.5, 0.5, 0.5]
    assert unit_mr(np.array([0.0, 40.0, 80.0, 100.0])).tolist() == [-0.5, 0.0, 0.5, 0.5]


def test_layer_names_survive_the_metadata_of_a_file() -> None:
    _, layers = file_of(LIVER_KERNELS, LIVER_LAYERS)
    assert json.loads(json.dumps(layers)) == layers
