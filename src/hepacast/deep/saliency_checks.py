# SPDX-License-Identifier: Apache-2.0
"""Whether a map depends on what the network learned, and what it marks matters.

A map that survives random weights, or labels that mean nothing, shows edges of the
picture.  A map that deletes and inserts no better than a random one shows nothing that
the network uses.

Sources: Adebayo 2018, NeurIPS 31:9505 (random weights, random labels); Petsiuk 2018, BMVC
(deletion, insertion); Arun 2021, Radiol Artif Intell 3:e200267 (repeatability, random maps).
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from hepacast.core.provenance import generator
from hepacast.deep.attribution import explain
from hepacast.deep.attribution_layer import require_single, still
from hepacast.deep.attribution_params import GradCamParams
from hepacast.deep.device import device_of
from hepacast.deep.saliency import Likeness, likeness

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float

    from hepacast.core.params import Params
    from hepacast.deep.attribution import SaliencyMap, Target

_BATCH = 16


@dataclass(frozen=True, slots=True)
class Cascade:
    """Likeness to the original map while weights are made random from the head down.

    Parameters
    ----------
    layers : tuple of str
        Layer made random last, in every stage.
    likeness : tuple of Likeness
        With the map of the intact network.
    """

    layers: tuple[str, ...]
    likeness: tuple[Likeness, ...]

    @property
    def survives(self) -> bool:
        """The map of a network without any learned weight is still much like the original.

        Both figures must stay above one half: ranks alone agree wherever two maps leave the
        same background empty.
        """
        return min(self.likeness[-1].spearman, self.likeness[-1].ssim) > 0.5

    def sentence(self) -> str:
        """Say what is left of the map at the end."""
        last = self.likeness[-1]
        verdict = "NOT explained by the weights" if self.survives else "depends on the weights"
        return (
            f"all weights random: Spearman {last.spearman:.2f}, SSIM {last.ssim:.2f} with the "
            f"original map, which {verdict}"
        )


def randomise_weights(
    network: torch.nn.Module,
    x: torch.Tensor,
    target: Target,
    params: Params | None = None,
    *,
    seed: int = 0,
) -> Cascade:
    """Make weights random from the head down, layer by layer, and explain anew each time.

    Parameters
    ----------
    network : torch.nn.Module
        Left as it is; copies are spoilt.
    x : (1, channel, ...) tensor
        One image.
    target : Target
        What is explained.
    params : Params
        Method; Grad-CAM by default.
    seed : int
        Of the random weights.
    """
    settings = GradCamParams() if params is None else params
    original = explain(network, x, target, settings).values
    spoilt = deepcopy(network)
    parts = [
        (name, module)
        for name, module in spoilt.named_modules()
        if any(True for _ in module.parameters(recurse=False))
    ]
    layers, found = [], []
    for number, (name, module) in enumerate(reversed(parts)):
        _shuffle(module, seed, number)
        layers.append(name)
        found.append(likeness(original, explain(spoilt, x, target, settings).values))
    return Cascade(tuple(layers), tuple(found))


def _shuffle(module: torch.nn.Module, seed: int, number: int) -> None:
    """Permute the entries of every weight: its values stay, what they mean goes."""
    rng = generator(seed, "cascade", number)
    with torch.no_grad():
        for value in module.parameters(recurse=False):
            flat = value.reshape(-1)
            order = torch.from_numpy(rng.permutation(flat.numel())).to(value.device)
            value.copy_(flat[order].reshape(value.shape))


def label_dependence(
    learned: Sequence[SaliencyMap], permuted: Sequence[SaliencyMap]
) -> tuple[Likeness, ...]:
    """Compare maps of a network with those of one trained on permuted labels, case by case.

    Parameters
    ----------
    learned, permuted : sequence of SaliencyMap
        Of the same cases, in one order.

    Returns
    -------
    tuple of Likeness
        Maps that explain what was learned are unlike.
    """
    pairs = zip(learned, permuted, strict=True)
    return tuple(likeness(one.values, other.values) for one, other in pairs)


@dataclass(frozen=True, slots=True, eq=False)
class DeletionInsertion:
    """What happens to the target as marked voxels go, or come.

    Parameters
    ----------
    deletion, insertion : float
        Mean of the target while the most marked voxels are deleted from the image, and
        inserted into the empty one.  A telling map has low deletion, high insertion.
    random_deletion, random_insertion : (map,) float
        The same of random maps as coarse as this one.
    centre_deletion, centre_insertion : float
        The same of a map that falls with the distance from the middle: tumours are centred.
    """

    deletion: float
    insertion: float
    random_deletion: Float[np.ndarray, " map"]
    random_insertion: Float[np.ndarray, " map"]
    centre_deletion: float
    centre_insertion: float

    @property
    def p_deletion(self) -> float:
        """Share of random maps that delete at least as well, this map counted."""
        better = int((self.random_deletion <= self.deletion).sum())
        return (better + 1) / (self.random_deletion.size + 1)

    @property
    def p_insertion(self) -> float:
        """Share of random maps that insert at least as well, this map counted."""
        better = int((self.random_insertion >= self.insertion).sum())
        return (better + 1) / (self.random_insertion.size + 1)

    def sentence(self) -> str:
        """Say both beside a random and a centred map."""
        return (
            f"deletion {self.deletion:.3f} (random {self.random_deletion.mean():.3f}, centred "
            f"{self.centre_deletion:.3f}, P = {self.p_deletion:.2f}); insertion "
            f"{self.insertion:.3f} (random {self.random_insertion.mean():.3f}, centred "
            f"{self.centre_insertion:.3f}, P = {self.p_insertion:.2f})"
        )


def delete_and_insert(
    network: torch.nn.Module,
    x: torch.Tensor,
    target: Target,
    found: SaliencyMap,
    *,
    steps: int = 20,
    random_maps: int = 19,
    seed: int = 0,
) -> DeletionInsertion:
    """Delete and insert voxels in the order of a map, of random maps, and of a centred one.

    Parameters
    ----------
    network : torch.nn.Module
        Left as it is.
    x : (1, channel, ...) tensor
        One image; its empty counterpart is 0.
    target : Target
        Its probability, where it has one.
    found : SaliencyMap
        Of this image.
    steps : int
        Parts of equal size in which voxels go.
    random_maps : int
        To compare with.
    seed : int
        Of the random maps.
    """
    require_single(x)
    x, shape = x.to(device_of(network)), found.values.shape
    with still(network):
        own = _curves(network, x, target, found.values, steps)
        rng = generator(seed, "random maps")
        others = np.array(
            [
                _curves(network, x, target, _coarse_noise(rng, found.cells.shape, shape), steps)
                for _ in range(random_maps)
            ]
        )
        centre = _curves(network, x, target, _centred(shape), steps)
    return DeletionInsertion(*own, others[:, 0], others[:, 1], *centre)


def _curves(
    network: torch.nn.Module,
    x: torch.Tensor,
    target: Target,
    values: Float[np.ndarray, ...],
    steps: int,
) -> tuple[float, float]:
    """Return the mean target over the steps of deletion, and of insertion."""
    # Ties break by place; a stable sort makes the order the same everywhere.
    order = np.argsort(-values.ravel(), kind="stable")
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    ranks = torch.from_numpy(rank.reshape(values.shape)).to(x.device)
    cuts = torch.linspace(0, order.size, steps + 1, device=x.device)
    measure = target.probability or target.value
    scores: list[list[float]] = [[], []]
    with torch.no_grad():
        for start in range(0, len(cuts), _BATCH):
            axes = (...,) + (None,) * (ranks.ndim + 1)
            gone = (ranks[None, None] < cuts[start : start + _BATCH][axes]).to(x.dtype)
            scores[0] += measure(network, x * (1 - gone)).tolist()
            scores[1] += measure(network, x * gone).tolist()
    return float(np.mean(scores[0])), float(np.mean(scores[1]))


def _coarse_noise(
    rng: np.random.Generator, cells: tuple[int, ...], shape: tuple[int, ...]
) -> Float[np.ndarray, ...]:
    """Make a random map of the same cells: voxel noise would be a weaker opponent."""
    noise = torch.from_numpy(rng.random(cells))[None, None]
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    full = torch.nn.functional.interpolate(noise, size=shape, mode=mode, align_corners=False)
    out: np.ndarray = full[0, 0].numpy()
    return out


def _centred(shape: tuple[int, ...]) -> Float[np.ndarray, ...]:
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    away: Float[np.ndarray, ...] = np.sqrt(np.sum(np.square(axes), axis=0))
    return -away
