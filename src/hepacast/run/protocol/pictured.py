# SPDX-License-Identifier: Apache-2.0
"""Where the pictures are that the networks of a study learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.run.parts.crops import KeptCrops
from hepacast.run.parts.deep_settings import CropsParams, NetworkModelParams

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hepacast.run.settings.study import Study


def pictures_of(study: Study, folder: Path, keys: Mapping[str, str]) -> dict[str, KeptCrops]:
    """Say where the pictures are, for every score whose model is a network.

    Parameters
    ----------
    study : Study
        The study.
    folder : Path
        Folder of the results.
    keys : mapping of case to str
        Keys of the records: other pictures have other keys, so no fit of theirs is used again.
    """
    found = {}
    for name, score in study.scores.items():
        if isinstance(score.model, NetworkModelParams):
            (block,) = (
                one for one in score.from_ if isinstance(study.features.get(one), CropsParams)
            )
            found[name] = KeptCrops(folder, block, dict(keys))
    return found
