# SPDX-License-Identifier: Apache-2.0
"""Losses of a time to an event, on tensors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def cox_loss(log_hazard: Tensor, time: Tensor, event: Tensor) -> Tensor:
    """Negative log partial likelihood per event, ties by Efron.

    Parameters
    ----------
    log_hazard : (n,) Tensor
        Higher is worse.
    time : (n,) Tensor
        Days.
    event : (n,) bool Tensor
        True where the event was seen; without any the loss is 0 with no slope.

    Notes
    -----
    Source: Efron 1977, J Am Stat Assoc 72:557.  Sums run in double precision.

    Examples
    --------
    >>> even = cox_loss(torch.zeros(2), torch.tensor([1.0, 2.0]), torch.tensor([True, False]))
    >>> round(float(even), 4)  # one of two at risk: log 2
    0.6931
    """
    wide = log_hazard.double()
    if not bool(event.any()):
        return log_hazard.sum() * 0.0
    top = wide.max().detach()
    weight = torch.exp(wide - top)
    _, group = torch.unique(time, return_inverse=True)
    groups = int(group.max()) + 1
    zero = torch.zeros(groups, dtype=wide.dtype, device=wide.device)
    inside = zero.index_add(0, group, weight)
    at_risk = inside.flip(0).cumsum(0).flip(0)
    dying = zero.index_add(0, group, weight * event)
    deaths = zero.index_add(0, group, event.double())
    where = group[event]
    order = torch.argsort(where, stable=True)
    start = torch.cumsum(deaths, 0) - deaths
    # The l-th of d tied events leaves l/d of the tied weight out of the risk set.
    rank = torch.arange(len(where), device=wide.device) - start[where[order]]
    share = torch.zeros_like(rank).index_copy(0, order, rank) / deaths[where]
    terms = torch.log(at_risk[where] - share * dying[where]) + top
    loss = (terms - wide[event]).mean()
    return loss.to(log_hazard.dtype)


def hazard_loss(logits: Tensor, interval: Tensor, event: Tensor) -> Tensor:
    """Negative log likelihood per case of hazards in consecutive intervals.

    Parameters
    ----------
    logits : (n, interval) Tensor
        Log odds of the event within each interval, given that it was reached.
    interval : (n,) Tensor of int
        Interval of the event; for a censored case, the number of intervals survived.
    event : (n,) bool Tensor
        True where the event was seen.

    Notes
    -----
    Source: Gensheimer and Narasimhan 2019, PeerJ 7:e6257 (equation 3).

    Examples
    --------
    >>> logits = torch.zeros(2, 3)
    >>> loss = hazard_loss(logits, torch.tensor([1, 3]), torch.tensor([True, False]))
    >>> round(float(loss) / 0.6931, 2)  # five coin flips, two cases
    2.5
    """
    steps = torch.arange(logits.shape[1], device=logits.device)
    reached = steps < (interval + event.to(interval.dtype))[:, None]
    happened = (steps == interval[:, None]) & event[:, None]
    each = functional.binary_cross_entropy_with_logits(
        logits, happened.to(logits.dtype), reduction="none"
    )
    return (each * reached).sum() / len(logits)


def mask_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross entropy of the pixels, plus one minus the soft Dice overlap of the batch.

    Parameters
    ----------
    logits : (n, 1, j, i) Tensor
        Log odds that a pixel belongs to the mask.
    masks : (n, 1, j, i) Tensor
        0 or 1.

    Notes
    -----
    Source: Milletari et al. 2016, 3DV, p. 565 (Dice as a loss); the overlap is taken over the
    batch, so that a slice without the lesion does not count as perfect or void.

    Examples
    --------
    >>> masks = torch.tensor([[[[1.0, 0.0]]]])
    >>> good, bad = mask_loss(20 * masks - 10, masks), mask_loss(10 - 20 * masks, masks)
    >>> round(float(good), 2), round(float(bad), 2)
    (0.0, 10.67)
    """
    chance = logits.sigmoid()
    overlap = 2 * (chance * masks).sum() + 1
    total = chance.sum() + masks.sum() + 1
    return functional.binary_cross_entropy_with_logits(logits, masks) + 1 - overlap / total


def lost_life(logits: Tensor, widths: Tensor) -> Tensor:
    """Return (n,) days lost of the whole span of the intervals; higher is worse.

    Parameters
    ----------
    logits : (n, interval) Tensor
        As :func:`hazard_loss` learns them.
    widths : (interval,) Tensor
        Length of each interval, days.

    Examples
    --------
    >>> fair = torch.zeros(1, 2)  # half die in each interval: alive 1, 1/2, 1/4
    >>> float(lost_life(fair, torch.tensor([100.0, 100.0])))
    87.5
    """
    alive = torch.exp(functional.logsigmoid(-logits).cumsum(dim=1))
    before = functional.pad(alive, (1, 0), value=1.0)[:, :-1]
    return widths.sum() - ((alive + before) / 2) @ widths
