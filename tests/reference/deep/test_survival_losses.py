"""Losses of a time to an event equal those of torchsurv and pycox on the same numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hepacast.deep.losses import cox_loss, hazard_loss

VALUES: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("survival_losses.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("known", VALUES["cox"])
def test_the_partial_likelihood_with_ties_is_that_of_torchsurv(known: dict[str, Any]) -> None:
    risk = torch.tensor(known["risk"], dtype=torch.float64)
    time, event = torch.tensor(known["time"]), torch.tensor(known["event"])
    assert float(cox_loss(risk, time, event)) == pytest.approx(known["loss"], rel=1e-6)


@pytest.mark.parametrize("known", VALUES["discrete"])
def test_the_likelihood_of_intervals_is_that_of_pycox(known: dict[str, Any]) -> None:
    logits, event = torch.tensor(known["logits"]), torch.tensor(known["event"])
    # pycox counts the interval of censoring as survived; ours is the number survived.
    interval = torch.tensor(known["last"]) + (~event).long()
    loss = hazard_loss(logits, interval, event)
    assert float(loss) == pytest.approx(known["loss"], rel=1e-6)


@pytest.mark.parametrize("known", VALUES["continuous"])
def test_short_intervals_come_to_the_continuous_likelihood_of_torchsurv(
    known: dict[str, Any],
) -> None:
    count, end = 4000, 10.0
    width = end / count
    middle = (torch.arange(count, dtype=torch.float64) + 0.5) * width
    log_rate = -2 + 0.1 * torch.tensor(known["slope"], dtype=torch.float64)[:, None] * middle
    time, event = torch.tensor(known["time"], dtype=torch.float64), torch.tensor(known["event"])
    # Chance of the event within an interval: 1 - exp(-rate * width).
    logits = torch.log(torch.expm1(log_rate.exp() * width))
    interval = (time / width).round().long() - event.long()
    loss = hazard_loss(logits, interval, event)
    shift = event.double().mean() * torch.log(torch.tensor(width, dtype=torch.float64))
    assert float(loss + shift) == pytest.approx(known["loss"], rel=1e-3)


def test_the_gradient_of_the_partial_likelihood_is_right() -> None:
    draw = torch.Generator().manual_seed(2)
    risk = torch.randn(12, dtype=torch.float64, generator=draw).requires_grad_()
    time = torch.tensor([1.0, 1, 2, 3, 3, 3, 4, 5, 6, 6, 7, 8], dtype=torch.float64)
    event = torch.tensor([1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1]).bool()
    assert torch.autograd.gradcheck(lambda r: cox_loss(r, time, event), (risk,))
