# SPDX-License-Identifier: Apache-2.0
"""The training loop: one thread, one seed, a state after every epoch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from hepacast.core.errors import StudyError
from hepacast.core.events import Advanced, Started
from hepacast.core.provenance import generator
from hepacast.deep.checkpoint import Checkpoint
from hepacast.deep.device import (
    has_bfloat16,
    kept_memory,
    one_thread,
    pick_device,
    steady,
)
from hepacast.deep.feed import blank
from hepacast.deep.training import DivergedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float32

    from hepacast.deep.crops import Crops
    from hepacast.deep.feed import Batch, Feed, Material
    from hepacast.deep.heads import Head
    from hepacast.deep.modules.network import Network
    from hepacast.deep.training import LoopParams, Session

_CHUNK = 64


class Trainer:
    """One training, from fresh or kept weights to those of the best epoch.

    Parameters
    ----------
    network : Network
        With fresh weights; changed in place.
    head : Head
        Judges its logits.
    feed : Feed
        Batches to learn from.
    watch : Material or None
        Inner part that chooses the epoch.
    params : LoopParams
        Settings.
    session : Session
        Seed, state to go on from, listeners.
    """

    def __init__(
        self,
        network: Network,
        head: Head,
        feed: Feed,
        watch: Material | None,
        params: LoopParams,
        session: Session,
    ) -> None:
        self.network, self.head, self.feed, self.watch = network, head, feed, watch
        self.params, self.session = params, session
        self.device = pick_device()
        self.low = params.precision == "bfloat16" or (
            params.precision == "auto" and has_bfloat16(self.device)
        )
        _settle(network, self.device)
        self.optimiser = _optimiser(network, params)
        self.epoch, self.step = 0, 0
        self.best_epoch, self.best_loss = 0, math.inf
        self.best: dict[str, Tensor] = {}
        self.history: list[dict[str, float]] = []

    @property
    def finished(self) -> bool:
        """Whether training has come to its end."""
        patience = self.params.patience
        if self._spent or self.watch is None or patience is None:
            return self._spent
        looks = (row["epoch"] for row in reversed(self.history) if "inner" in row)
        return next(looks, 0) - self.best_epoch >= patience

    @property
    def _spent(self) -> bool:
        """Whether all epochs, or all updates, are done."""
        params = self.params
        steps = params.steps is not None and self.step >= params.steps
        return steps or self.epoch >= params.epochs

    def run(self, key: str) -> None:
        """Train to the end, and put the weights of the best epoch in place.

        Parameters
        ----------
        key : str
            Name of data and settings: a state with another key is refused.
        """
        stage = f"train {self.session.name}"
        self.session.on_event(Started(stage, self.params.epochs))
        with one_thread(), kept_memory(), steady(self.device), torch.random.fork_rng():
            if self.session.resume is not None:
                self._restore(self.session.resume, key)
            while not self.finished:
                losses = self._learn()
                self._judge(losses)
                if self.session.keep is not None:
                    self.session.keep(self._state(key))
                self.session.on_event(Advanced(stage, _said(self.history[-1])))
        self.network.load_state_dict(self.best)
        self.network.eval()

    def _learn(self) -> list[float]:
        """Go once through the training pictures."""
        self.network.train()
        losses = []
        for at, batch in enumerate(self.feed.batches(self.epoch)):
            # Dropout draws from torch's own state: set it anew, or a resumed run would differ.
            torch.manual_seed(
                int(generator(self.session.seed, self.epoch, at).integers(2**62)),
            )
            losses.append(self._update(batch))
            self.step += 1
            if self.params.steps is not None and self.step >= self.params.steps:
                break
        self.epoch += 1
        return losses

    def _update(self, batch: Batch) -> float:
        """Take one step, unless the loss is no number."""
        logits = self._logits(batch.pixels, batch.table)
        loss = self.head.loss(logits, batch.targets.to(self.device))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise DivergedError(
                what="the loss must stay a number",
                got=f"{value} in epoch {self.epoch + 1}, after {self.step} updates",
                fix="Lower learning_rate, or use float32; the last whole epoch is kept.",
            ).at(training=self.session.name)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return value

    def _logits(self, pixels: Tensor, table: Tensor) -> Tensor:
        """Run the network in the precision of training."""
        pixels = _placed(pixels, self.device, low=self.low)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.low):
            logits = call(self.network, pixels, table.to(self.device))
        return logits.float()

    def _judge(self, losses: list[float]) -> None:
        """Look at the inner part, and remember the weights if they are the best so far."""
        shown = {"epoch": float(self.epoch), "loss": float(np.mean(losses))}
        self.history.append(shown)
        loss = shown["loss"]
        if self.watch is not None:
            if self.epoch % self.params.look_every and not self._spent:
                return
            loss = shown["inner"] = self._watch_loss(self.watch)
        if self.watch is None or loss < self.best_loss or not self.best:
            self.best_epoch, self.best_loss = self.epoch, loss
            self.best = {name: w.detach().clone() for name, w in self.network.state_dict().items()}

    def _watch_loss(self, watch: Material) -> float:
        """Return the loss of the mean logits of every case."""
        logits = logits_of(self.network, watch.crops, watch.table[watch.case_of], low=self.low)
        if watch.masks is not None:
            return float(self.head.loss(logits, torch.from_numpy(watch.masks)))
        cases = torch.from_numpy(watch.case_of)
        count = torch.bincount(cases).clamp(min=1).to(logits.dtype)
        sums = torch.zeros(len(count), logits.shape[1]).index_add(0, cases, logits)
        return float(self.head.loss(sums / count[:, None], torch.from_numpy(watch.targets)))

    def _state(self, key: str) -> Checkpoint:
        """Gather all that the next epoch depends on."""
        tensors = {f"model.{n}": w for n, w in self.network.state_dict().items()}
        tensors |= {f"best.{n}": w for n, w in self.best.items()}
        for at, memory in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{at}.{name}": t for name, t in memory.items() if t is not None}
        record = {
            "key": key,
            "epoch": self.epoch,
            "step": self.step,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
            "history": self.history,
        }
        return Checkpoint({n: t.clone() for n, t in tensors.items()}, record)

    def _restore(self, kept: Checkpoint, key: str) -> None:
        """Go back to the state after an epoch."""
        record: Any = kept.record
        if record.get("key") != key:
            raise StudyError(
                what="training goes on only from a state of the same data, settings and seed",
                got=f"key {str(record.get('key'))[:12]}, not {key[:12]}",
                fix="Delete the kept state, or restore the settings.",
            ).at(training=self.session.name)
        self.network.load_state_dict(kept.under("model."))
        self.best = kept.under("best.")
        memory: dict[int, dict[str, Tensor]] = {}
        for name, tensor in kept.under("optimiser.").items():
            at, _, what = name.partition(".")
            memory.setdefault(int(at), {})[what] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": memory, "param_groups": groups})
        self.epoch, self.step = record["epoch"], record["step"]
        self.best_epoch, self.best_loss = record["best_epoch"], record["best_loss"]
        self.history = list(record["history"])


def call(network: Network, pixels: Tensor, table: Tensor) -> Tensor:
    """Run a network on pictures, and on columns if it reads any."""
    logits: Tensor = network(pixels, table) if network.columns else network(pixels)
    return logits


def logits_of(
    network: Network,
    crops: Crops,
    table: Float32[np.ndarray, "item column"],
    *,
    low: bool = False,
) -> Tensor:
    """Return (item, out) logits in float32, on the CPU.

    Parameters
    ----------
    network : Network
        Put into evaluation.
    crops : Crops
        Pictures; absent phases are shown as 0.
    table : (item, column) float32
        Standardised columns of every picture's case; may have none.
    low : bool
        Multiply in bfloat16: a third of the time, and three digits.
    """
    columns = torch.from_numpy(table)

    def one(pixels: Tensor, at: slice) -> Tensor:
        return call(network, pixels, columns[at].to(pixels.device))

    return _over(network, crops, one, low=low)


def vectors_of(network: Network, crops: Crops) -> Tensor:
    """Return (item, width) vectors in float32, on the CPU."""
    return _over(network, crops, lambda pixels, _: network.features(pixels))


def _over(
    network: Network, crops: Crops, one: Callable[[Tensor, slice], Tensor], *, low: bool = False
) -> Tensor:
    """Run a network over pictures, some at a time, in one thread."""
    device = pick_device()
    _settle(network, device)
    network.eval()
    parts = []
    with (
        one_thread(),
        torch.inference_mode(),
        torch.autocast(device.type, dtype=torch.bfloat16, enabled=low),
    ):
        for start in range(0, len(crops), _CHUNK):
            at = slice(start, start + _CHUNK)
            pixels = blank(torch.from_numpy(crops.pixels[at]), crops.present[at])
            parts.append(one(_placed(pixels, device, low=low), at).float().cpu())
    return torch.cat(parts).clone()


def _settle(network: Network, device: torch.device) -> None:
    """Bring weights to the device; with the channels last it is a tenth to a third faster."""
    network.to(device)
    network.to(memory_format=_last(network.axes))  # type: ignore[call-overload]


def _placed(pixels: Tensor, device: torch.device, *, low: bool) -> Tensor:
    """Bring pictures to the device, in the order and precision that they are multiplied in."""
    pixels = pixels.to(device)
    if low:
        # Narrowed before the axes are turned: autocast would do it after, twice the bytes.
        pixels = pixels.to(torch.bfloat16)
    return pixels.contiguous(memory_format=_last(pixels.ndim - 2))


def _last(axes: int) -> torch.memory_format:
    """Return the order of axes that convolutions are fastest in."""
    return torch.channels_last if axes == 2 else torch.channels_last_3d


def _optimiser(network: Network, params: LoopParams) -> torch.optim.Optimizer:
    settings: dict[str, Any] = {"lr": params.learning_rate, "weight_decay": params.weight_decay}
    if params.optimiser == "adam":
        return torch.optim.AdamW(network.parameters(), **settings)
    return torch.optim.SGD(network.parameters(), momentum=params.momentum, **settings)


def _said(losses: dict[str, float]) -> str:
    """Say in one line where training stands."""
    inner = f", inner {losses['inner']:.4f}" if "inner" in losses else ""
    return f"epoch {losses['epoch']:.0f}: loss {losses['loss']:.4f}{inner}"
