# SPDX-License-Identifier: Apache-2.0
"""A Results paragraph per outcome, to be pasted into a manuscript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.report.blocks import Text
from hepacast.report.wording import SCOPES, number, p_equals, with_interval

if TYPE_CHECKING:
    from hepacast.report.content import Model, OutcomeReport, ReportContent


def results_text(content: ReportContent) -> list[Text]:
    """Write Results paragraphs, one per outcome that has models."""
    return [Text(_result(one), one.heading) for one in content.outcomes if one.models]


def _result(outcome: OutcomeReport) -> str:
    """Write one paragraph: events, follow-up, models, comparisons, controls."""
    title = outcome.phrase
    parts = [f"Of {outcome.n} cases, {outcome.events} had the event ({title})."]
    follow = outcome.followup_months
    if follow is not None and follow.value is not None:
        parts.append(f"Median follow-up was {with_interval(follow, 1)} months.")
    parts += [_model(model) for model in outcome.models]
    parts += [
        f"{one.model_a} minus {one.model_b}: difference in {one.measure} "
        f"{with_interval(one.difference, 3)}, P {p_equals(one.p)} ({one.method})."
        for one in outcome.comparisons
    ]
    parts += [
        f"Control ({one.name}), {one.model}: {one.sentence or f'P {p_equals(one.p)}.'}"
        for one in outcome.permutations
    ]
    return " ".join(filter(None, parts))


def _model(model: Model) -> str:
    """Write one sentence on a model, from cases it had not seen; empty without any."""
    seen = model.honest
    if seen is None or seen.discrimination is None:
        return ""
    text = f"{model.name}: {seen.measure} {with_interval(seen.discrimination)}"
    text += f", {SCOPES[seen.scope]}"
    apparent = model.evaluation("apparent")
    if apparent is not None and apparent.discrimination is not None:
        text += f" (apparent {number(apparent.discrimination.value)})"
    if seen.calibration is not None and seen.calibration.slope is not None:
        text += f"; calibration slope {with_interval(seen.calibration.slope)}"
    return f"{text}."
