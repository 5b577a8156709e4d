# SPDX-License-Identifier: Apache-2.0
"""A Results paragraph per outcome, to be pasted into a manuscript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.blocks import Text
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
    return " ".join(filter(None, parts))


def _discrimination(shown: list[tuple[Model, Evaluation]]) -> list[str]:
    """Say how well the models of one scope discriminate, candidates before the others."""
    sentences = []
    for candidate in (True, False):
        mine = [pair for pair in shown if (pair[0].role == "candidate") is candidate]
        if not mine:
            continue
        seen = mine[0][1]
        values = [f"{with_interval(one.discrimination)} for {model.name}" for model, one in mine]
        start = f"{SCOPES[seen.scope].capitalize()}, {the(seen.measure)} (95 % CI) was "
        if not candidate:
            start = f"For comparison, {the(seen.measure)} was "
        sentences.append(f"{start}{listed(values)}.")
    return sentences


def _optimism(outcome: OutcomeReport) -> str:
    """Say what the models reach on the cases they learned from."""
    found = [(model.name, model.evaluation("apparent")) for model in outcome.models]
    known = [
        f"{number(seen.discrimination.value)} for {name}"
        for name, seen in found
        if seen is not None and seen.discrimination is not None
    ]
    if not known:
        return ""
    return f"On the cases the models had learned from it was {listed(known)}, which is optimistic."


def _calibration(shown: list[tuple[Model, Evaluation]]) -> str:
    """Say the calibration slopes."""
    known = [
        f"{with_interval(seen.calibration.slope)} for {model.name}"
        for model, seen in shown
        if seen.calibration is not None and seen.calibration.slope is not None
    ]
    return f"Calibration slopes were {listed(known)}." if known else ""


def _comparisons(comparisons: Sequence[Comparison], roles: Mapping[str, str]) -> list[str]:
    """Say how candidates compare with each baseline; all pairs stand in the table."""
    against: dict[str, list[str]] = {}
    methods: dict[str, str] = {}
    for one in comparisons:
        first, second = (roles.get(name) == "candidate" for name in (one.model_a, one.model_b))
        if first == second:
            continue
        other = one.model_b if first else one.model_a
        mine = one.model_a if first else one.model_b
        found = one.difference if first else one.difference.reversed()
        text = f"{with_interval(found, 3)}, P {p_equals(one.p)}, for {mine}"
        against.setdefault(other, []).append(text)
        methods[other] = one.method
    return [
        f"The difference to {other} was {'; '.join(texts)} ({methods[other]})."
        for other, texts in against.items()
    ]


def _chance(controls: Sequence[Permutation]) -> str:
    """Say what shuffled outcomes gave."""
    known = []
    for one in controls:
        null = [value for value in one.null if value is not None]
        if null:
            mean = number(sum(null) / len(null))
            known.append(f"{mean} for {one.model} (P {p_equals(one.p)})")
    if not known:
        return ""
    count = max(len(one.null) for one in controls)
    what = f"the mean {controls[0].measure} over {count} repetitions of the whole procedure was "
    return f"On shuffled outcomes {what}{listed(known)}."
