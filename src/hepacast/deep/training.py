# SPDX-License-Identifier: Apache-2.0
"""Settings of training, and what surrounds one run of it; loads without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, PositiveFloat, PositiveInt
from pydantic import Field as Setting

from hepacast.core.errors import NotEstimableError
from hepacast.core.events import ignore
from hepacast.core.params import Params
from hepacast.deep.augment import AugmentParams
from hepacast.deep.heads import HEADS
from hepacast.deep.networks import NETWORKS, ResNet2dParams

if TYPE_CHECKING:
    from collections.abc import Callable

    from hepacast.core.events import Listener
    from hepacast.deep.checkpoint import Checkpoint

    NetworkBlock = Params
    HeadBlock = Params
else:
    _network = BeforeValidator(NETWORKS.spell_out, json_schema_input_type=NETWORKS.spellings())
    _head = BeforeValidator(HEADS.spell_out, json_schema_input_type=HEADS.spellings())
    NetworkBlock = Annotated[NETWORKS.union(), _network]
    HeadBlock = Annotated[HEADS.union(), _head]

Share = Annotated[float, Setting(ge=0, lt=1)]


class DivergedError(NotEstimableError):
    """The loss is no longer a number; the state of the last whole epoch is kept."""


class LoopParams(Params):
    """How long, how fast, and on what."""

    epochs: PositiveInt = 200
    """Most passes over the training pictures."""
    steps: PositiveInt | None = None
    """Most updates, whatever the number of passes."""
    batch: Annotated[int, Setting(ge=2)] = 64
    """Pictures per update; a short last batch is filled up from the start of the pass."""
    optimiser: Literal["sgd", "adam"] = "sgd"
    """How weights are updated."""
    learning_rate: PositiveFloat = 1e-4
    """Length of a step."""
    weight_decay: Annotated[float, Setting(ge=0)] = 1e-4
    """Pull of the weights towards zero."""
    momentum: Share = 0.9
    """Of sgd; adam has its usual 0.9 and 0.999."""
    patience: PositiveInt | None = 20
    """Epochs without a better loss on the inner part before training ends."""
    inner_share: Share = 0.2
    """Patients of the training part that choose the epoch and are not learned from; with 0 the
    last epoch is taken."""
    look_every: PositiveInt = 1
    """Epochs between two looks at the inner part; the last epoch is always looked at."""
    noise_copies: bool = False
    """Copies of the rarer class, with Gaussian noise, until both are equally many."""
    noise_variance: PositiveFloat = 0.1
    """Of the copies, in scaled intensities."""
    phase_dropout: Share = 0.0
    """Chance that a phase is hidden in training, so that it may be missing later."""
    augment: AugmentParams | None = Setting(default_factory=AugmentParams)
    """How training pictures are turned, moved and stretched; null leaves them as they are."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of training and of looks at the inner part; ``auto`` is bfloat16 where the processor has it.
    Scores are in float32."""


class FitParams(Params):
    """A network, what it is asked for, and how it is trained."""

    network: NetworkBlock = Setting(default_factory=ResNet2dParams)
    """What reads the pictures."""
    head: HeadBlock | None = None
    """By the outcome: binary, or cox for a time to an event."""
    loop: LoopParams = LoopParams()


@dataclass(frozen=True, slots=True)
class Session:
    """What surrounds one training and moves none of its numbers, but for the seed.

    Parameters
    ----------
    seed : int
        Of weights, order, augmentation and dropout.
    workers : int
        Threads that make batches; any number gives the same bits.
    keep : callable
        Told the state after every epoch; to be written whole or not at all.
    resume : Checkpoint or None
        State to go on from.
    on_event : callable
        Told of every epoch with its losses.
    name : str
        For messages.
    """

    seed: int = 7
    workers: int = 1
    keep: Callable[[Checkpoint], None] | None = None
    resume: Checkpoint | None = None
    on_event: Listener = ignore
    name: str = "network"
