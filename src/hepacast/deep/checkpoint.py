# SPDX-License-Identifier: Apache-2.0
"""Named tensors and a JSON record in one block of bytes (safetensors): no code, no pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hepacast.core.errors import ImageFileError
from hepacast.core.provenance import canonical_json
from hepacast.deep.require import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A state that training can go on from, or weights that can be handed on.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        Weights, and what the optimiser remembers.
    record : mapping
        JSON-like: where training stands, settings, patients seen.

    Examples
    --------
    >>> import torch
    >>> kept = Checkpoint({"w": torch.ones(2)}, {"epoch": 3}).to_bytes()
    >>> again = Checkpoint.from_bytes(kept)
    >>> again.record["epoch"], again.tensors["w"].tolist()
    (3, [1.0, 1.0])
    """

    tensors: Mapping[str, Tensor]
    record: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """Write everything into one block, so that a file of it is whole or absent."""
        save = require("safetensors.torch").save
        flat = {name: t.detach().contiguous().cpu() for name, t in self.tensors.items()}
        written: bytes = save(flat, metadata={"record": canonical_json(self.record)})
        return written

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        """Read back what :meth:`to_bytes` wrote.

        Raises
        ------
        ImageFileError
            If the bytes are cut short or are no such block.
        """
        load = require("safetensors.torch").load
        try:
            tensors = load(data)
            length = int.from_bytes(data[:8], "little")
            head = json.loads(data[8 : 8 + length])
            record = json.loads(head["__metadata__"]["record"])
        # safetensors raises its own error type, which is not exported in all versions.
        except Exception as error:
            raise ImageFileError(
                what="a checkpoint must be a whole safetensors block with its record",
                got=f"{type(error).__name__}: {error}"[:120],
                fix="Delete it: training starts again from the beginning.",
            ) from error
        return cls(tensors, record)

    def under(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names start with a prefix, without it."""
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        }
