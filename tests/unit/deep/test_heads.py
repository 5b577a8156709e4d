"""Heads: what is learned, in which direction it is read, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from hepacast.core.errors import NotEstimableError, StudyError
from hepacast.core.outcome import Binary, CompetingRisks, Survival
from hepacast.deep.heads import HEADS, Classes, default_head, event_quantiles
from hepacast.deep.losses import cox_loss

DAYS = np.array([100.0, 200, 300, 400, 500, 600, 700, 800, 900, 1000])
EVENT = np.array([1, 1, 0, 1, 1, 0, 1, 1, 0, 1], dtype=bool)
OUTCOMES: dict[str, Any] = {
    "binary": Binary(EVENT),
    "classes": Classes(np.arange(10) % 3, 3),
    "cox": Survival(DAYS, EVENT),
    "hazard": Survival(DAYS, EVENT),
    "early-and-time": Survival(DAYS, EVENT),
}


def head_of(kind: str, **settings: object) -> Any:
    params = HEADS.parse({"kind": kind, **settings})
    return HEADS[params](OUTCOMES[kind], params)


@pytest.mark.parametrize("kind", sorted(HEADS))
def test_training_on_a_head_makes_the_risk_follow_the_outcome(kind: str) -> None:
    head, outcome = head_of(kind), OUTCOMES[kind]
    targets = torch.from_numpy(head.targets(outcome))
    logits = torch.zeros(len(outcome), head.out, requires_grad=True)
    before = float(head.loss(logits.detach(), targets))
    for _ in range(30):
        (slope,) = torch.autograd.grad(head.loss(logits, targets), logits)
        logits = (logits - 1.0 * slope).detach().requires_grad_()
    assert float(head.loss(logits.detach(), targets)) < before
    risk = head.risk(logits).detach().numpy()
    if kind == "binary":
        assert risk[EVENT].min() > risk[~EVENT].max()
    elif kind == "classes":
        assert np.corrcoef(risk, outcome.label)[0, 1] > 0.9
    else:
        assert risk[0] > risk[-1]  # the first to die against the last


def test_a_rare_class_weighs_as_much_as_the_other() -> None:
    outcome = Binary(np.arange(10) == 0)
    params = HEADS.parse("binary")
    head: Any = HEADS[params](outcome, params)
    targets = torch.from_numpy(head.targets(outcome))
    assert float(targets[targets[:, 0] == 1, 1].sum()) == pytest.approx(5)
    assert float(targets[:, 1].mean()) == pytest.approx(1)


def test_the_score_of_a_case_is_the_mean_probability_of_its_slices() -> None:
    risks = [torch.tensor([0.0, 2.0]), torch.tensor([-1.0])]
    chance = torch.stack([each.sigmoid().mean() for each in risks])
    torch.testing.assert_close(
        head_of("binary").pooled(risks).sigmoid().float(), chance, rtol=1e-6, atol=0
    )
    logits = head_of("binary", mean_of="logit").pooled(risks)
    torch.testing.assert_close(logits, torch.tensor([1.0, -1.0]))


def test_a_censored_case_has_survived_only_whole_intervals() -> None:
    head = head_of("hazard", intervals=2)
    first, last = head.edges.tolist()
    outcome = Survival(
        np.array([first, first - 1, first + 1, last + 1]), np.array([True] + [False] * 3)
    )
    assert head.targets(outcome).tolist() == [[0, 1], [0, 0], [1, 0], [2, 0]]


def test_an_early_event_is_unknown_for_those_censored_before_the_limit() -> None:
    head = head_of("early-and-time", early_months=12)
    targets = head.targets(Survival(np.array([100.0, 100, 400]), np.array([True, False, False])))
    assert targets[:, :2].tolist() == [[1, 1], [0, 0], [0, 1]]


def test_a_competing_event_is_censored() -> None:
    outcome = CompetingRisks(DAYS, np.where(EVENT, 1, 2))
    params = HEADS.parse("cox")
    targets = HEADS[params](outcome, params).targets(outcome)
    assert targets[:, 1].tolist() == EVENT.tolist()


def test_every_interval_ends_with_an_event() -> None:
    edges = event_quantiles(Survival(DAYS, EVENT), 3)
    assert set(edges.tolist()) <= set(DAYS[EVENT].tolist())
    assert edges[-1] == 1000


def test_without_any_event_there_is_no_slope_but_a_loss() -> None:
    risk = torch.zeros(3, requires_grad=True)
    loss = cox_loss(risk, torch.tensor([1.0, 2, 3]), torch.zeros(3, dtype=torch.bool))
    (slope,) = torch.autograd.grad(loss, risk)
    assert float(slope.abs().sum()) == 0


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("binary", OUTCOMES["cox"]), ("cox", OUTCOMES["binary"]), ("classes", OUTCOMES["binary"]),
     ("hazard", OUTCOMES["classes"])],
)  # fmt: skip
def test_a_head_refuses_an_outcome_of_another_type(kind: str, outcome: Any) -> None:
    params = HEADS.parse(kind)
    with pytest.raises(StudyError, match="does not learn from this outcome"):
        HEADS[params](outcome, params)


@pytest.mark.parametrize("kind", ["cox", "hazard", "early-and-time"])
def test_a_hazard_needs_events(kind: str) -> None:
    params = HEADS.parse(kind)
    with pytest.raises(NotEstimableError, match="events"):
        HEADS[params](Survival(DAYS, np.zeros(10, dtype=bool)), params)


def test_a_class_without_cases_is_refused() -> None:
    params = HEADS.parse("classes")
    with pytest.raises(NotEstimableError, match="class 2"):
        HEADS[params](Classes(np.array([0, 1, 0]), 3), params)


def test_the_default_head_follows_the_outcome() -> None:
    kinds = [default_head(OUTCOMES[k]).model_dump()["kind"] for k in ("binary", "classes", "cox")]
    assert kinds == ["binary", "classes", "cox"]
