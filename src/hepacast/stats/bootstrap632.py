# SPDX-License-Identifier: Apache-2.0
"""The .632+ bootstrap of a prediction error."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from hepacast.core.errors import NotEstimableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float, Int

M = TypeVar("M")


def point632plus(apparent: float, out_of_bag: float, no_information: float) -> float:
    """Combine apparent and out-of-bag error (.632+).

    Parameters
    ----------
    apparent : float
        Error in the training cases.
    out_of_bag : float
        Mean error of resampled models in the cases that they did not see.
    no_information : float
        Error if outcomes and predictions had nothing to do with one another.

    Notes
    -----
    Lower is better.  Source: Efron and Tibshirani 1997, J Am Stat Assoc 92:548.

    Examples
    --------
    >>> round(point632plus(0.1, 0.2, 0.5), 4)
    0.1696
    """
    worst = min(out_of_bag, no_information)
    spread = no_information - apparent
    overfit = (worst - apparent) / spread if worst > apparent and spread > 0 else 0.0
    weight = 0.632 / (1 - 0.368 * overfit)
    return (1 - weight) * apparent + weight * worst


def bootstrap_632plus(
    fit: Callable[[Int[np.ndarray, " row"]], M],
    loss: Callable[
        [M, Int[np.ndarray, " row"], Int[np.ndarray, " row"]], Float[np.ndarray, " row"]
    ],
    draws: Int[np.ndarray, "resample case"],
) -> tuple[float, float, float]:
    """Error of a modelling strategy by the .632+ bootstrap.

    Parameters
    ----------
    fit : callable
        Runs the whole modelling on row numbers.
    loss : callable
        ``loss(model, rows, outcomes)``: loss of the predictions for ``rows`` against the
        outcomes of the rows ``outcomes``, one value per row.
    draws : (resample, case) int
        From :func:`bootstrap_rows`.

    Returns
    -------
    combined, apparent, out_of_bag : float
        The .632+ error and its two ingredients; the error without information pairs every
        prediction with every outcome.

    Examples
    --------
    >>> from hepacast.stats.resampling import bootstrap_rows
    >>> event = np.arange(20) % 2
    >>> def loss(model, rows, outcomes):
    ...     return (event[outcomes] - model) ** 2
    >>> rows = bootstrap_rows(20, 30, np.random.default_rng(1))
    >>> [round(v, 2) for v in bootstrap_632plus(lambda rows: event[rows].mean(), loss, rows)]
    [0.25, 0.25, 0.3]
    """
    n = draws.shape[1]
    everybody = np.arange(n)
    model = fit(everybody)
    apparent = float(loss(model, everybody, everybody).mean())
    nothing = float(
        np.mean([loss(model, everybody, np.roll(everybody, k)).mean() for k in range(n)])
    )
    total, seen = np.zeros(n), np.zeros(n)
    for rows in draws:
        left = np.setdiff1d(everybody, rows)
        if not left.size:
            continue
        total[left] += loss(fit(rows), left, left)
        seen[left] += 1
    if (seen == 0).any():
        raise NotEstimableError(
            what="every case must be left out of some resample",
            got=f"{int((seen == 0).sum())} cases in all of {len(draws)}",
            fix="Draw more resamples.",
        )
    outside = float((total / seen).mean())
    return point632plus(apparent, outside, nothing), apparent, outside
