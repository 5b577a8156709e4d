# SPDX-License-Identifier: Apache-2.0
"""A network with the weights of a user's file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hepacast.core.errors import WeightsError
from hepacast.core.events import Listener, Noticed, ignore
from hepacast.deep.networks import NetworkParams, ResNet3dParams, build
from hepacast.deep.require import require
from hepacast.io.weights import read_weights

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.deep.modules.network import Network
    from hepacast.deep.weights import LayoutName, Matching


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """A network, and where its weights came from.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    matching : Matching
        Which names of the file it took.
    digest : str
        sha256 of the file, for the record of everything computed with it.
    """

    network: Network
    matching: Matching
    digest: str


def load_encoder(
    path: Path | str,
    layout: LayoutName = "medicalnet",
    params: NetworkParams | None = None,
    *,
    seed: int = 0,
    on_event: Listener = ignore,
) -> Encoder:
    """Build a network and fill it with the weights of a safetensors file.

    Parameters
    ----------
    path : Path or str
        The file; ``hepacast import-weights`` makes one from a ``.pth``.
    layout : {"medicalnet", "torchvision", "hepacast"}
        How the file names its weights.
    params : NetworkParams
        Of the network; a 3D residual network of 18 layers by default.
    seed : int
        Of weights that the file does not give: the head.
    on_event : callable
        Told how many names matched, and which did not.

    Raises
    ------
    WeightsError
        If fewer than 95 % of the names match, or a shape differs.
    """
    found = read_weights(path)
    network = build(ResNet3dParams() if params is None else params, seed)
    weights = require("hepacast.deep.weights")
    try:
        matching: Matching = weights.fit_weights(network, found.arrays, layout)
    except WeightsError as error:
        error.at(file=path)
        raise
    on_event(Noticed(str(path), matching.sentence()))
    return Encoder(network.eval(), matching, found.digest)
