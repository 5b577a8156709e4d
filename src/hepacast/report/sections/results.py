# SPDX-License-Identifier: Apache-2.0
"""A Results paragraph per outcome, to be pasted into a manuscript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.blocks import Text
from hepacast.report.figures.pick import MOST_DRAWN
from hepacast.report.wording import SCOPES, number, p_equals, percent, with_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hepacast.report.content import (
        Comparison,
        Evaluation,
        Model,
        OutcomeReport,
        Permutation,
        ReportContent,
    )


def results_text(content: ReportContent) -> list[Text]:
    """Write Results paragraphs, one per outcome that has models."""
    return [Text(_result(one), one.heading) for one in content.outcomes if one.models]


def listed(parts: Sequence[str]) -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b, and c')
    """
    if len(parts) < 3:
        return " and ".join(parts)
    return f"{', '.join(parts[:-1])}, and {parts[-1]}"


def told(found: Sequence[tuple[float | None, str, str]], mark: str = " for ") -> str:
    """List the values of models; of so many that nobody reads them, the least and the greatest.

    Parameters
    ----------
    found : sequence of (float or None, str, str)
        Value, its text, and the model.
    mark : str
        Stands between text and model.

    Examples
    --------
    >>> told([(0.7, "0.70", "a"), (0.6, "0.60", "b")])
    '0.70 for a and 0.60 for b'
    >>> told([(at / 100, f"0.{at}", f"m{at}") for at in range(60, 90)])
    'between 0.60 for m60 and 0.89 for m89 (30 models)'
    """
    known = [one for one in found if one[0] is not None]
    if len(found) <= MOST_DRAWN or not known:
        return listed([f"{text}{mark}{name}" for _, text, name in found])
    ends = (min(known, key=lambda one: one[0] or 0.0), max(known, key=lambda one: one[0] or 0.0))
    least, most = (f"{text}{mark}{name}" for _, text, name in ends)
    return f"between {least} and {most} ({len(found)} models)"


def the(measure: str) -> str:
    """Put an article before a measure unless it belongs to somebody.

    Examples
    --------
    >>> the("AUC"), the("Harrell's C")
    ('the AUC', "Harrell's C")
    """
    return measure if "'s " in measure else f"the {measure}"


def _result(outcome: OutcomeReport) -> str:
    """Write one paragraph: events, follow-up, models, optimism, comparisons, controls."""
    share = percent(outcome.events / outcome.n) if outcome.n else "none"
    parts = [f"Of {outcome.n} cases, {outcome.events} ({share}) had {outcome.event}."]
    follow = outcome.followup_months
    if follow is not None and follow.value is not None:
        parts.append(f"Median follow-up was {with_interval(follow, 1)} months.")
    pairs = [(model, model.honest) for model in outcome.models]
    shown = [(model, seen) for model, seen in pairs if seen is not None and seen.discrimination]
    for scope in dict.fromkeys(seen.scope for _, seen in shown):
        parts += _discrimination([pair for pair in shown if pair[1].scope == scope])
    parts += [_optimism(outcome), _calibration(shown)]
    roles = {model.name: model.role for model in outcome.models}
    parts += _comparisons(outcome.comparisons, roles)
    parts.append(_chance(outcome.permutations))
    if len(outcome.models) > MOST_DRAWN:
        parts.append("The tables hold every model and every pair.")
    return " ".join(filter(None, parts))


def _discrimination(shown: list[tuple[Model, Evaluation]]) -> list[str]:
    """Say how well the models of one scope discriminate, candidates before the others."""
    sentences = []
    for candidate in (True, False):
        mine = [pair for pair in shown if (pair[0].role == "candidate") is candidate]
        if not mine:
            continue
        seen = mine[0][1]
        values = [
            (one.discrimination.value, with_interval(one.discrimination), model.name)
            for model, one in mine
            if one.discrimination is not None
        ]
        start = f"{SCOPES[seen.scope].capitalize()}, {the(seen.measure)} (95 % CI) was "
        if not candidate:
            start = f"For comparison, {the(seen.measure)} was "
        sentences.append(f"{start}{told(values)}.")
    return sentences


def _optimism(outcome: OutcomeReport) -> str:
    """Say what the models reach on the cases they learned from."""
    found = [(model.name, model.evaluation("apparent")) for model in outcome.models]
    known = [
        (seen.discrimination.value, number(seen.discrimination.value), name)
        for name, seen in found
        if seen is not None and seen.discrimination is not None
    ]
    if not known:
        return ""
    return f"On the cases the models had learned from it was {told(known)}, which is optimistic."


def _calibration(shown: list[tuple[Model, Evaluation]]) -> str:
    """Say the calibration slopes."""
    known = [
        (seen.calibration.slope.value, with_interval(seen.calibration.slope), model.name)
        for model, seen in shown
        if seen.calibration is not None and seen.calibration.slope is not None
    ]
    return f"Calibration slopes were {told(known)}." if known else ""


def _comparisons(comparisons: Sequence[Comparison], roles: Mapping[str, str]) -> list[str]:
    """Say how candidates compare with each baseline; all pairs stand in the table."""
    against: dict[str, list[tuple[float | None, str, str]]] = {}
    methods: dict[str, str] = {}
    for one in comparisons:
        first, second = (roles.get(name) == "candidate" for name in (one.model_a, one.model_b))
        if first == second:
            continue
        other = one.model_b if first else one.model_a
        mine = one.model_a if first else one.model_b
        found = one.difference if first else one.difference.reversed()
        text = f"{with_interval(found, 3)}, P {p_equals(one.p)}"
        against.setdefault(other, []).append((found.value, text, mine))
        methods[other] = one.method
    return [
        f"The difference to {other} was {_differences(found)} ({methods[other]})."
        for other, found in against.items()
    ]


def _differences(found: Sequence[tuple[float | None, str, str]]) -> str:
    """List differences, which hold commas themselves."""
    if len(found) > MOST_DRAWN:
        return told(found, ", for ")
    return "; ".join(f"{text}, for {name}" for _, text, name in found)


def _chance(controls: Sequence[Permutation]) -> str:
    """Say what shuffled outcomes gave."""
    known = []
    for one in controls:
        null = [value for value in one.null if value is not None]
        if null:
            mean = number(sum(null) / len(null))
            known.append((sum(null) / len(null), mean, f"{one.model} (P {p_equals(one.p)})"))
    if not known:
        return ""
    count = max(len(one.null) for one in controls)
    what = f"the mean {controls[0].measure} over {count} repetitions of the whole procedure was "
    return f"On shuffled outcomes {what}{told(known)}."
