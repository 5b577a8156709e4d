# SPDX-License-Identifier: Apache-2.0
"""Pictures of a study on disk, cut for networks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.provenance import digest_bytes
from hepacast.deep.crops import Crops
from hepacast.io.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Masks = np.ndarray


def crops_path(folder: Path, key: str, block: str) -> Path:
    """Where the pictures of one case stand, by the key of its record."""
    return folder / "cases" / key[:2] / f"{key}.{digest_bytes(block.encode())[:8]}.npz"


@dataclass(frozen=True, slots=True)
class KeptCrops:
    """Pictures of a study on disk: a few words that travel to every worker, not gigabytes.

    Parameters
    ----------
    folder : Path
        Folder of the results.
    block : str
        Feature block that they were cut by.
    keys : mapping of case to str
        Keys of the records.
    """

    folder: Path
    block: str
    keys: Mapping[str, str]

    def __hash__(self) -> int:
        return hash((self.folder, self.block, tuple(self.keys.items())))

    def load(self) -> Crops:
        """Read the pictures of all cases; one process reads them once."""
        return _load(self)

    def load_masks(self) -> Masks:
        """Read the masks on the pictures of all cases, in the same order."""
        found = []
        for case, key in self.keys.items():
            path = crops_path(self.folder, key, self.block)
            try:
                with np.load(path) as kept:
                    found.append(kept["masks"])
            except (OSError, ValueError, KeyError) as error:
                raise _gone(case, path, error) from error
        return np.concatenate(found)


def _gone(case: str, path: Path, error: Exception) -> StoreError:
    found = StoreError(
        what="the pictures of a measured case stand beside its record",
        got=type(error).__name__,
        fix="Run again with --retry, or delete the folder of cases.",
    )
    found.at(case=case, file=path)
    return found


@lru_cache(maxsize=2)
def _load(kept: KeptCrops) -> Crops:
    pixels, present, cases = [], [], []
    phases: tuple[str, ...] = ()
    for case, key in kept.keys.items():
        path = crops_path(kept.folder, key, kept.block)
        try:
            with np.load(path) as found:
                pixels.append(found["pixels"])
                present.append(found["present"])
                phases = tuple(found["phases"].tolist())
        except (OSError, ValueError, KeyError) as error:
            raise _gone(case, path, error) from error
        cases += [case] * len(pixels[-1])
    return Crops(np.concatenate(pixels), tuple(cases), phases, np.concatenate(present))
