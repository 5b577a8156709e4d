# SPDX-License-Identifier: Apache-2.0
"""Where the networks of a study looked, in patients whom they never saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import LeakError
from hepacast.deep.heads import BinaryHead, CoxHead
from hepacast.deep.require import require
from hepacast.run.parts.deep_score import NetworkModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.core.table import FeatureTable
    from hepacast.deep.attribution import SaliencyMap, Target
    from hepacast.deep.heads import Head
    from hepacast.run.protocol.chain import FittedStudy

    Looks = Mapping[str, Mapping[str, "Look"]]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Maps of one case, at the resolution of the layer that they were read from.

    Parameters
    ----------
    cells : tuple of (...) float32
        Raw map of every picture of the case.
    method, target, layer : str
        What was computed, of what, and where.
    score, baseline : tuple of float
        Target of every picture, and of an empty one.
    notes : tuple of str
        What a reader must know.
    """

    cells: tuple[np.ndarray, ...]
    method: str
    target: str
    layer: str
    score: tuple[float, ...]
    baseline: tuple[float, ...]
    notes: tuple[str, ...] = ()


def look(fitted: FittedStudy, table: FeatureTable) -> dict[str, dict[str, Look]]:
    """Explain every network of a fit on patients that it has not learned from.

    Parameters
    ----------
    fitted : FittedStudy
        Scores of one training part.
    table : FeatureTable
        Cases of other patients.

    Returns
    -------
    dict of score to dict of case to Look
        Only of scores whose model is a network that is asked for maps.

    Raises
    ------
    LeakError
        If a patient was learned from: such a map shows what was learned by heart.
    """
    if again := fitted.seen.intersection(table.patients):
        raise LeakError(
            what="maps are drawn of patients that the network has not seen",
            got=f"{len(again)} seen in training, the first is {min(again)!r}",
            fix="Explain them with the network of the fold that left them out.",
        )
    found = {}
    for name, score in fitted.scores.items():
        model = score.model
        if isinstance(model, NetworkModel) and model.maps is not None:
            found[name] = {case: _look(model, case) for case in table.cases}
    return found


def _look(model: NetworkModel, case: str) -> Look:
    """Explain all pictures of one case."""
    torch, attribution = require("torch"), require("hepacast.deep.attribution")
    feed, devices = require("hepacast.deep.feed"), require("hepacast.deep.device")
    fitted = model.fitted
    crops = fitted.crops.of([case])
    target = _target(fitted.head)
    device = devices.device_of(fitted.network)
    pixels = feed.blank(torch.from_numpy(np.array(crops.pixels)), crops.present).to(device)
    with devices.one_thread():
        maps: list[SaliencyMap] = [
            attribution.explain(fitted.network, pixels[[at]], target, model.maps)
            for at in range(len(crops))
        ]
    return Look(
        cells=tuple(one.cells for one in maps),
        method=maps[0].method,
        target=maps[0].target,
        layer=maps[0].layer,
        score=tuple(one.score for one in maps),
        baseline=tuple(one.baseline for one in maps),
        notes=tuple(dict.fromkeys(note for one in maps for note in one.notes)),
    )


def _target(head: Head) -> Target:
    """Explain what the head's risk rests on: its only logit, or the risk itself."""
    attribution = require("hepacast.deep.attribution")
    if isinstance(head, BinaryHead):
        target: Target = attribution.logit()
    elif isinstance(head, CoxHead):
        target = attribution.log_hazard()
    else:
        target = attribution.Target("risk", lambda network, x: head.risk(network(x)))
    return target
