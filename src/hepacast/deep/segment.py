# SPDX-License-Identifier: Apache-2.0
"""A small 3D U-Net that learns to draw from the masked cases of a study.

It learns from a :data:`~hepacast.core.folds.Train` and remembers whom it saw: the
images of those patients it may not draw for anything that is scored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from hepacast.core.errors import GeometryError, NotEstimableError
from hepacast.core.events import Advanced, Listener, Started, ignore
from hepacast.core.provenance import generator
from hepacast.deep.device import kept_memory, one_thread, pick_device
from hepacast.deep.require import require
from hepacast.deep.segment_lineage import Lineage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jaxtyping import Float32

    from hepacast.core.folds import Train
    from hepacast.deep.segment_params import Drawn, SegmentParams


class Segmenter:
    """A trained segmentation network, and whom it learned from.

    Parameters
    ----------
    network : torch.nn.Module
        Gives one logit per voxel.
    params : SegmentParams
        How it was made.
    lineage : Lineage
        Patients whom it saw.
    losses : tuple of float
        Mean loss of every tenth of the training.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        params: SegmentParams,
        lineage: Lineage,
        losses: tuple[float, ...] = (),
    ) -> None:
        self.network, self.params, self.lineage, self.losses = network, params, lineage, losses

    def probability(
        self, patient: str, image: Float32[np.ndarray, "channel k j i"]
    ) -> Float32[np.ndarray, "k j i"]:
        """Return the probability of the region, for a patient whom it has never seen.

        Parameters
        ----------
        patient : str
            Whose image it is.
        image : (channel, k, j, i) float32
            Scaled as the training images were, on the grid of the settings.

        Raises
        ------
        LeakError
            If it learned from this patient.
        """
        self.lineage.require_unseen([patient], "a segmentation network")
        return self._sliding(image)

    def apparent(self, image: Float32[np.ndarray, "channel k j i"]) -> Float32[np.ndarray, "k j i"]:
        """Return the same for a training image; what comes of it is optimistic and must say so."""
        return self._sliding(image)

    def _sliding(self, image: Float32[np.ndarray, "channel k j i"]) -> Float32[np.ndarray, "k j i"]:
        _require_channels(image, self.params)
        slide = require("monai.inferers.utils").sliding_window_inference
        given = torch.from_numpy(np.array(image, np.float32))[None]
        device = pick_device()
        with one_thread(), torch.inference_mode():
            logits = slide(
                given.to(device),
                self.params.patch,
                1,
                self.network.to(device),
                overlap=0.5,
                mode="gaussian",
            )
            found: np.ndarray = torch.sigmoid(logits)[0, 0].cpu().numpy()
        return found


def build_segmenter_network(params: SegmentParams, seed: int) -> torch.nn.Module:
    """Make a U-Net of four levels with residual units and instance norms.

    Parameters
    ----------
    params : SegmentParams
        Its size.
    seed : int
        Of the weights.

    Examples
    --------
    >>> from hepacast.deep.segment_params import SegmentParams
    >>> net = build_segmenter_network(SegmentParams(base=2), seed=1)
    >>> tuple(net(torch.zeros(1, 1, 16, 16, 16)).shape)
    (1, 1, 16, 16, 16)
    """
    unet = require("monai.networks.nets.unet").UNet
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: torch.nn.Module = unet(
            spatial_dims=3,
            in_channels=params.in_channels,
            out_channels=1,
            channels=tuple(params.base * 2**level for level in range(4)),
            strides=(2, 2, 2),
            num_res_units=1,
            norm="instance",
        )
    return network


def fit_segmenter(
    train: Train,
    drawn: Mapping[str, Drawn],
    params: SegmentParams,
    seed: int,
    *,
    on_event: Listener = ignore,
) -> Segmenter:
    """Train on the masked cases among the training cases.

    Parameters
    ----------
    train : Train
        Decides who may be learned from; its features and outcome are not used.
    drawn : mapping of str to Drawn
        By case id; cases outside ``train`` are not looked at.
    params : SegmentParams
        Settings.
    seed : int
        Of weights and patches: the same seed gives the same weights on a CPU.
    on_event : callable
        Told of every tenth of the training.

    Raises
    ------
    NotEstimableError
        If no training case has a mask, or the loss is no longer a number.
    GeometryError
        If an image has other channels than the settings, or another shape than its mask.

    Notes
    -----
    Loss: soft Dice plus cross entropy (Isensee 2021, Nat Methods 18:203); Adam with a rate
    that falls to 0.  Patches vary by 10 % in gain and 0.1 in level; they are not mirrored,
    because a liver lies on one side.
    """
    cases = [
        (case, patient)
        for case, patient in sorted(zip(train.table.cases, train.table.patients, strict=True))
        if case in drawn
    ]
    if not any(drawn[case].mask.any() for case, _ in cases):
        raise NotEstimableError(
            what="a segmentation network learns from training cases with masks",
            got=f"{len(cases)} of {len(train)} training cases, no voxel drawn",
            fix="Draw masks of some training patients, or give a file of weights.",
        )
    for case, _ in cases:
        try:
            _require_channels(drawn[case].image, params, drawn[case].mask.shape)
        except GeometryError as error:
            error.at(case=case)
            raise
    network = build_segmenter_network(params, seed)
    with one_thread(), kept_memory():
        losses = _train(network, [drawn[case] for case, _ in cases], params, seed, on_event)
    lineage = Lineage.of(patient for _, patient in cases)
    return Segmenter(network.eval(), params, lineage, losses)


def _train(
    network: torch.nn.Module,
    cases: list[Drawn],
    params: SegmentParams,
    seed: int,
    on_event: Listener,
) -> tuple[float, ...]:
    optimiser = torch.optim.Adam(network.parameters(), lr=params.learning_rate)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimiser, params.steps, power=0.9)
    on_event(Started("segmentation", 10))
    device = pick_device()
    network.to(device).train()
    found: list[float] = []
    for step in range(params.steps):
        image, mask = _batch(cases, params, generator(seed, "segment", step))
        loss = _loss(network(image.to(device)), mask.to(device))
        if not torch.isfinite(loss):
            raise NotEstimableError(
                what="the loss of a segmentation network must stay a number",
                got=f"{float(loss.detach())} at step {step}",
                fix="Lower learning_rate, and check the scale of the images.",
            )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        found.append(float(loss.detach()))
        if (step + 1) * 10 // params.steps > step * 10 // params.steps:
            on_event(Advanced("segmentation", f"step {step + 1}: loss {found[-1]:.3f}"))
    return tuple(float(np.mean(part)) for part in np.array_split(found, min(10, len(found))))


def _batch(
    cases: list[Drawn], params: SegmentParams, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut patches at random, as many as asked for around a voxel of the region."""
    images, masks = [], []
    for _ in range(params.batch):
        one = cases[int(rng.integers(len(cases)))]
        centre = [int(rng.integers(n)) for n in one.mask.shape]
        if rng.random() < params.inside and one.mask.any():
            voxels = np.flatnonzero(one.mask)
            centre = list(np.unravel_index(voxels[rng.integers(voxels.size)], one.mask.shape))
        image, mask = _patch(one, centre, params.patch)
        gain, shift = rng.uniform(0.9, 1.1), rng.uniform(-0.1, 0.1)
        images.append((image * gain + shift).astype(np.float32))
        masks.append(mask)
    return torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(masks)[:, None]).float()


def _patch(
    one: Drawn, centre: list[int], size: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a patch around a voxel, moved inside the image; small images are padded."""
    low = one.image.min()
    pads = [max(0, s - n) for s, n in zip(size, one.mask.shape, strict=True)]
    image = np.pad(one.image, [(0, 0), *((0, p) for p in pads)], constant_values=low)
    mask = np.pad(one.mask, [(0, p) for p in pads])
    box = []
    for at, s, n in zip(centre, size, mask.shape, strict=True):
        start = min(max(0, int(at) - s // 2), n - s)
        box.append(slice(start, start + s))
    return image[(slice(None), *box)].astype(np.float32), mask[tuple(box)]


def _loss(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Soft Dice over the batch, plus cross entropy."""
    share = torch.sigmoid(logits)
    overlap = 2 * (share * mask).sum() + 1
    dice = 1 - overlap / (share.sum() + mask.sum() + 1)
    return dice + torch.nn.functional.binary_cross_entropy_with_logits(logits, mask)


def _require_channels(
    image: np.ndarray, params: SegmentParams, shape: tuple[int, ...] | None = None
) -> None:
    if image.ndim == 4 and len(image) == params.in_channels:
        if shape is None or image.shape[1:] == shape:
            return
        got = f"image {image.shape[1:]}, mask {shape}"
    else:
        got = f"an array of {image.shape}"
    raise GeometryError(
        what=f"an image has {params.in_channels} channels (phases) on the grid of its mask",
        got=got,
        fix="Give every phase that the network learned from, resampled to one grid.",
    )
