# SPDX-License-Identifier: Apache-2.0
"""Which settings of an estimator are tried."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hepacast.core.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Setting = Mapping[str, Any]


def search_between(
    grid: Sequence[Setting], merit: Callable[[Setting], float], trials: int, seed: int
) -> None:
    """Try settings between the ends of a grid, where earlier trials were good.

    Parameters
    ----------
    grid : sequence of mapping
        Its smallest and largest number of each key are the ends: whole numbers between whole
        numbers, others on a logarithmic scale; both ends are tried first.
    merit : callable
        Higher is better; it is called once per trial.
    trials : int
        How many, the ends included.
    seed : int
        Of the sampler.

    Raises
    ------
    StudyError
        If Optuna is not installed, or a value is no positive number.

    Notes
    -----
    Tree-structured Parzen estimator.  Source: Bergstra 2011, NeurIPS 24:2546; Akiba 2019, KDD
    2623 (Optuna).
    """
    try:
        optuna = import_module("optuna")
    except ImportError:
        raise StudyError(
            what="search: optuna needs the package optuna",
            got="it is not installed",
            fix="Run: pip install 'hepacast[tune]', or use search: grid.",
        ) from None
    ends = {key: _ends(key, [setting[key] for setting in grid]) for key in grid[0]}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    for end in (0, 1):
        study.enqueue_trial({key: pair[end] for key, pair in ends.items()}, skip_if_exists=True)

    def objective(trial: Any) -> float:  # noqa: ANN401 - Optuna is not typed
        return merit({key: _suggest(trial, key, pair) for key, pair in ends.items()})

    study.optimize(objective, n_trials=trials)


def _ends(key: str, values: Sequence[Any]) -> tuple[Any, Any]:
    """Return the smallest and the largest value."""
    if not all(isinstance(value, int | float) and value > 0 for value in values):
        raise StudyError(
            what=f"a search needs positive numbers between which to look for {key!r}",
            got=repr(list(values)),
            fix="Give the two ends, or use search: grid.",
        )
    return min(values), max(values)


def _suggest(trial: Any, key: str, ends: tuple[Any, Any]) -> int | float:  # noqa: ANN401
    """Ask for a value between two ends, these included."""
    low, high = ends
    found: int | float
    if isinstance(low, int) and isinstance(high, int):
        found = trial.suggest_int(key, low, high)
    else:
        found = trial.suggest_float(key, float(low), float(high), log=True)
    return found
