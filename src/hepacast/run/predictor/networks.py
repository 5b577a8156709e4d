# SPDX-License-Identifier: Apache-2.0
"""The frozen networks of a predictor: their weights travel with it, as safetensors."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from hepacast.core.errors import StudyError
from hepacast.core.provenance import digest_bytes
from hepacast.run.cases.embed import network_of
from hepacast.run.parts.deep_settings import EmbeddingParams, WeightsFileParams

if TYPE_CHECKING:
    from hepacast.run.predictor.predictor import Preparation

FOLDER = "networks"
_DIGEST = re.compile("[0-9a-f]{64}")


def blocks_with_networks(preparation: Preparation) -> dict[str, EmbeddingParams]:
    """Return the blocks whose columns come from a frozen network."""
    return {
        name: block
        for name, block in preparation.blocks.items()
        if isinstance(block, EmbeddingParams)
    }


def pack_networks(preparation: Preparation, place: Path) -> Preparation:
    """Copy the weights of all networks to a predictor, and forget where they came from.

    Parameters
    ----------
    preparation : Preparation
        Blocks that name files of this machine.
    place : Path
        Folder of the predictor.

    Raises
    ------
    StudyError
        If a file is gone, or another one than the study measured with.
    """
    blocks, weights = dict(preparation.blocks), {}
    for name, block in blocks_with_networks(preparation).items():
        if block.weights is None:
            continue
        data = Path(block.weights.path).read_bytes()
        digest = digest_bytes(data)
        if digest != block.weights.digest:
            raise StudyError(
                what="a predictor is deployed with the weights that its study measured with",
                got=f"sha256 {digest}",
                fix="Put the file back, or run the study again.",
            ).at(file=block.weights.path)
        (place / FOLDER).mkdir(exist_ok=True)
        (place / FOLDER / f"{digest}.safetensors").write_bytes(data)
        weights[name] = (block.weights.layout, digest)
        blocks[name] = block.model_copy(update={"weights": None})
    return replace(preparation, blocks=blocks, weights=weights)


def unpack_networks(preparation: Preparation, place: Path) -> Preparation:
    """Name the weights where they lie now.

    Raises
    ------
    ValueError
        If what stands for a file is none.
    """
    blocks = dict(preparation.blocks)
    for name, (layout, digest) in preparation.weights.items():
        block = blocks[name]
        if not isinstance(block, EmbeddingParams) or not _DIGEST.fullmatch(digest):
            raise ValueError(name)
        file = WeightsFileParams(
            path=str((place / FOLDER / f"{digest}.safetensors").absolute()),
            layout=cast("Literal['medicalnet', 'torchvision', 'hepacast']", layout),
            digest=digest,
        )
        blocks[name] = block.model_copy(update={"weights": file})
    return replace(preparation, blocks=blocks, weights={})


def load_networks(preparation: Preparation) -> None:
    """Build all networks now, so that a service fails at its start or not at all.

    Raises
    ------
    StudyError
        Without torch.
    WeightsError
        If a file of weights belongs to another network.
    """
    for block in blocks_with_networks(preparation).values():
        network_of(block)
