# SPDX-License-Identifier: Apache-2.0
"""A simulated study with everything a report can show."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from hepacast.report.content import (
    Baseline,
    Calibration,
    CalibrationPoint,
    CaseScore,
    Coefficient,
    Comparison,
    Cut,
    DecisionCurve,
    Equation,
    Estimate,
    Evaluation,
    FunnelStep,
    Metric,
    Model,
    OutcomeReport,
    Permutation,
    Picture,
    ReportContent,
    Roc,
    Spread,
    Study,
    Subgroup,
    SurvivalCurve,
    Survivals,
    Term,
    TimeCurve,
    Truth,
)
from hepacast.report.document import Document, compose

EVIL = "<script>alert(1)</script>"
CHINESE = "张三 肝癌"
FORMULA = '=HYPERLINK("http://example.org")'
Numbers = np.ndarray
Flags = np.ndarray
Scope = Literal["out-of-fold", "apparent"]
Role = Literal["candidate", "baseline", "control"]
Kind = Literal["binary", "survival"]
TICKS = (0, 12, 24, 36, 48, 60)
N = 222
_TERMS = (
    Term(name="-/-/-/clinical/AFP", label="log AFP", coefficient=0.4, low=0, high=5, usual=1),
    Term(name="-/-/-/score/Rad-score", coefficient=1.1, low=-2.3, high=2.1, usual=0),
)
EQUATIONS = {
    "binary": Equation(kind="logistic", intercept=-1.0, terms=_TERMS),
    "survival": Equation(kind="cox", baselines=(Baseline(months=36, survival=0.6),), terms=_TERMS),
}


def area(score: Numbers, event: Flags) -> Estimate:
    """AUC with the interval of Hanley and McNeil."""
    pos, neg = score[event], score[~event]
    wins = (pos[:, None] > neg[None, :]).mean() + 0.5 * (pos[:, None] == neg[None, :]).mean()
    q1, q2 = wins / (2 - wins), 2 * wins**2 / (1 + wins)
    spread = wins * (1 - wins) + (len(pos) - 1) * (q1 - wins**2) + (len(neg) - 1) * (q2 - wins**2)
    half = 1.96 * np.sqrt(spread / len(pos) / len(neg))
    sentence = f"AUC {wins:.2f} (95 % CI {wins - half:.2f}-{wins + half:.2f}; DeLong)"
    return Estimate(
        value=wins, low=wins - half, high=min(1, wins + half), method="DeLong", sentence=sentence
    )


def roc(score: Numbers, event: Flags) -> Roc:
    cuts = np.r_[np.inf, np.sort(np.unique(score))[::-1]]
    hit = [(score[event] >= cut).mean() for cut in cuts]
    alarm = [(score[~event] >= cut).mean() for cut in cuts]
    best = int(np.argmax(np.array(hit) - np.array(alarm)))
    rule = Cut(value=cuts[best], rule="Youden", fitted_on="training part of every fold")
    return Roc(
        false_positive=alarm,
        sensitivity=hit,
        thresholds=cuts,
        cut=rule,
        cut_sensitivity=Estimate(
            value=hit[best], low=hit[best] - 0.08, high=min(1, hit[best] + 0.08)
        ),
        cut_specificity=Estimate(
            value=1 - alarm[best], low=0.92 - alarm[best], high=min(1, 1.08 - alarm[best])
        ),
    )


def calibration(prob: Numbers, event: Flags, horizon: float | None = None) -> Calibration:
    order = np.array_split(np.argsort(prob), 6)
    points = []
    for part in order:
        share, n = event[part].mean(), len(part)
        half = 1.96 * np.sqrt(max(share * (1 - share), 0.02) / n)
        points.append(
            CalibrationPoint(
                predicted=prob[part].mean(),
                observed=share,
                low=max(0, share - half),
                high=min(1, share + half),
                n=n,
            )
        )
    grid = np.linspace(prob.min(), prob.max(), 60)
    weight = np.exp(-0.5 * ((prob[None] - grid[:, None]) / 0.09) ** 2)
    smooth = (weight * event).sum(1) / weight.sum(1)
    band = 1.96 * np.sqrt(smooth * (1 - smooth) / weight.sum(1))
    return Calibration(
        slope=Estimate(value=0.86, low=0.55, high=1.17, method="Wald"),
        intercept=Estimate(value=-0.04, low=-0.35, high=0.27, method="Wald"),
        brier=Estimate(value=((prob - event) ** 2).mean()),
        ici=0.035,
        horizon_months=horizon,
        points=tuple(points),
        smooth_predicted=grid,
        smooth_observed=smooth,
        smooth_low=np.clip(smooth - band, 0, 1),
        smooth_high=np.clip(smooth + band, 0, 1),
        method="sixths of the predictions; kernel smoother",
    )


def decision(prob: Numbers, event: Flags, horizon: float | None = None) -> DecisionCurve:
    cuts = np.arange(0.02, 0.8, 0.01)
    odds = cuts / (1 - cuts)
    act = prob[None] >= cuts[:, None]
    benefit = (act & event).mean(1) - (act & ~event).mean(1) * odds
    everyone = event.mean() - (1 - event.mean()) * odds
    return DecisionCurve(
        thresholds=cuts, net_benefit=benefit, treat_all=everyone, horizon_months=horizon
    )


def kaplan_meier(time: Numbers, event: Flags, label: str = "") -> SurvivalCurve:
    steps = np.unique(time[event])
    risk = np.array([(time >= t).sum() for t in steps])
    dead = np.array([(event & (time == t)).sum() for t in steps])
    alive = np.cumprod(1 - dead / risk)
    spread = np.sqrt(np.cumsum(dead / risk / np.maximum(risk - dead, 1)))
    return SurvivalCurve(
        label=label,
        n=len(time),
        events=int(event.sum()),
        time_months=np.r_[0, steps],
        survival=np.r_[1, alive],
        low=np.r_[1, alive * np.exp(-1.96 * spread)],
        high=np.r_[1, np.minimum(1, alive * np.exp(1.96 * spread))],
        censored_months=np.sort(time[~event]),
        at_risk=[int((time >= t).sum()) for t in TICKS],
        median_months=Estimate(value=steps[np.argmax(alive < 0.5)] if alive[-1] < 0.5 else None),
    )


def survivals(time: Numbers, event: Flags, high: Flags | None = None) -> Survivals:
    if high is None:
        return Survivals(curves=(kaplan_meier(time, event, "All patients"),), ticks_months=TICKS)
    return Survivals(
        curves=(
            kaplan_meier(time[~high], event[~high], "Low risk"),
            kaplan_meier(time[high], event[high], "High risk"),
        ),
        ticks_months=TICKS,
        logrank_p=0.00042,
        method="log-rank",
        hazard_ratio=Estimate(value=1.92, low=1.31, high=2.81, method="Cox"),
        cut=Cut(value=0.41, rule="median", fitted_on="training part of every fold"),
    )


class Cohort:
    """Latent risk, an event by 24 months, and a survival time."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.rng = rng
        self.risk = rng.normal(size=N)
        self.time = rng.exponential(38 * np.exp(-0.6 * self.risk))
        limit = rng.uniform(8, 72, N)
        self.dead = self.time <= limit
        self.time = np.minimum(self.time, limit)
        self.event = rng.random(N) < 1 / (1 + np.exp(0.5 - 1.1 * self.risk))
        self.cases = [f"HCC-{i:03d}" for i in range(N)]
        self.cases[3:6] = [EVIL, CHINESE, FORMULA]

    def evaluation(self, strength: float, scope: Scope, kind: Kind) -> Evaluation:
        noise = self.rng.normal(size=N)
        score = strength * self.risk + (1 - strength) * noise
        prob = 1 / (1 + np.exp(0.45 - 1.1 * score))
        horizon = 36 if kind == "survival" else None
        cases = tuple(
            CaseScore(
                case=self.cases[i],
                score=score[i],
                probability=prob[i],
                event=bool(self.event[i]),
                time_months=self.time[i] if horizon else None,
                group="high" if score[i] > 0 else "low",
                fold=f"fold {i % 5 + 1}",
            )
            for i in range(N)
        )
        months = np.arange(6, 61, 6.0)
        found = area(score, self.event)
        return Evaluation(
            cohort="development",
            scope=scope,
            n=N,
            events=int(self.event.sum()),
            discrimination=found,
            measure="Harrell's C" if horizon else "AUC",
            metrics=(
                Metric(name="Sensitivity", estimate=Estimate(value=0.71, low=0.61, high=0.8)),
                Metric(name="Specificity", estimate=Estimate(value=0.64, low=0.55, high=0.72)),
            ),
            roc=roc(score, self.event),
            calibration=calibration(prob, self.event, horizon),
            decision=decision(prob, self.event, horizon),
            risk_groups=survivals(self.time, self.dead, score > 0),
            over_time=(
                TimeCurve(
                    name="Time-dependent AUC",
                    time_months=months,
                    value=(found.value or 0) - months / 900,
                    low=(found.low or 0) - months / 900,
                    high=(found.high or 0) - months / 900,
                ),
                TimeCurve(
                    name="Brier score",
                    time_months=months,
                    value=0.22 * (1 - np.exp(-months / 20)),
                    reference=0.25 * (1 - np.exp(-months / 20)),
                ),
            )
            if horizon
            else (),
            cases=cases if scope == "out-of-fold" else (),
        )

    def model(
        self, name: str, role: Role, sets: tuple[str, ...], strength: float, kind: Kind
    ) -> Model:
        columns = [
            "portal/tumour/original/glcm/JointEntropy",
            "arterial/ring5/log-sigma-3-0-mm-3D/firstorder/Kurtosis",
            "-/-/-/clinical/AFP",
            "portal/tumour/original/shape/Sphericity",
            "delayed/tumour/wavelet-HHL/glszm/ZoneEntropy",
            "-/-/-/clinical/albumin",
        ]
        return Model(
            name=name,
            role=role,
            ingredients=sets,
            algorithm="L1 logistic regression" if kind == "binary" else "L1 Cox regression",
            steps=("median imputation", "z-score", "univariate P < 0.05", "LASSO"),
            evaluations=(
                self.evaluation(strength, "out-of-fold", kind),
                self.evaluation(min(0.95, strength + 0.12), "apparent", kind),
            ),
            coefficients=tuple(
                Coefficient(
                    name=column,
                    effect="odds ratio per SD" if kind == "binary" else "hazard ratio per SD",
                    estimate=Estimate(
                        value=np.exp(0.5 - 0.17 * i),
                        low=np.exp(0.2 - 0.17 * i),
                        high=np.exp(0.8 - 0.17 * i),
                    ),
                    selected=1 - 0.14 * i,
                )
                for i, column in enumerate(columns)
            ),
            funnel=(
                FunnelStep(
                    step="variance",
                    columns_in=Spread(mean=412, low=412, high=412),
                    columns_out=Spread(mean=396.4, low=391, high=399),
                ),
                FunnelStep(
                    step="univariate P < 0.05",
                    columns_in=Spread(mean=396.4, low=391, high=399),
                    columns_out=Spread(mean=61.2, low=38, high=90),
                ),
                FunnelStep(
                    step="LASSO",
                    columns_in=Spread(mean=61.2, low=38, high=90),
                    columns_out=Spread(mean=7.8, low=3, high=12),
                ),
            ),
            subgroups=(
                Subgroup(
                    variable="Size",
                    level="<= 3 cm",
                    n=120,
                    events=40,
                    estimate=Estimate(value=0.68, low=0.57, high=0.79),
                ),
                Subgroup(
                    variable="Size",
                    level="> 3 cm",
                    n=102,
                    events=45,
                    estimate=Estimate(value=0.73, low=0.62, high=0.84),
                ),
                Subgroup(variable="Centre", level=CHINESE, n=12, events=0),
            ),
            cut=0.41,
            equation=EQUATIONS[kind] if role == "candidate" else None,
        )

    def outcome(self, name: str, kind: Kind) -> OutcomeReport:
        models: tuple[Model, ...] = (
            self.model("Volume only", "control", ("volume",), 0.25, kind),
            self.model("Clinical", "baseline", ("clinical",), 0.38, kind),
            self.model("Radiomics", "candidate", ("rad_score",), 0.42, kind),
            self.model(f"Combined {EVIL}", "candidate", ("clinical", "rad_score"), 0.5, kind),
        )
        if kind == "survival":
            models = models[1::2]
        null = 0.5 + 0.045 * self.rng.normal(size=200)
        observed = models[-1].evaluations[0].discrimination or Estimate(value=None)
        measure = models[-1].evaluations[0].measure
        return OutcomeReport(
            name=name,
            kind=kind,
            title={"er": "Early recurrence", "os": "Overall survival"}[name],
            definition="Recurrence on imaging within 24 months of ablation; patients censored "
            "earlier are left out."
            if kind == "binary"
            else "Death from any cause, counted from the day of ablation.",
            n=N,
            events=int(self.event.sum()),
            horizon_months=24 if kind == "binary" else 36,
            followup_months=Estimate(value=41.3, low=38, high=44.1, method="reverse Kaplan-Meier"),
            overall=survivals(self.time, self.dead),
            models=models,
            comparisons=(
                Comparison(
                    model_a=models[-1].name,
                    model_b="Clinical",
                    measure=measure,
                    difference=Estimate(value=0.061, low=-0.004, high=0.126, method="DeLong"),
                    p=0.066,
                    p_adjusted=0.13,
                    method="DeLong, paired",
                    cohort="development, out-of-fold",
                ),
            ),
            permutations=(
                Permutation(
                    model=models[-1].name,
                    measure=measure,
                    null=null,
                    observed=observed.value,
                    p=1 / 201,
                    sentence="None of 200 shuffles reached the observed value (P = 0.005).",
                ),
            ),
            truth=(Truth(name=f"{measure} of the true risk", true=0.74, estimate=observed),),
        )


def picture(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    k, i = np.mgrid[-1:1:192j, -1:1:256j]
    image = (
        90 * (k**2 + i**2 < 0.8) + 40 * (k**2 + (i - 0.2) ** 2 < 0.3) + 8 * rng.normal(size=k.shape)
    )
    rgb = np.repeat(np.clip(image + 30, 0, 255)[..., None], 3, axis=2).astype(np.uint8)
    edge = np.abs(np.hypot(k - 0.1, i - 0.3) - 0.2) < 0.012
    rgb[edge] = (255, 190, 0)
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, format="PNG")
    return file.getvalue()


def example(seed: int = 7, **study: object) -> ReportContent:
    """Make the content of a report on 222 simulated patients."""
    parts = json.loads((Path(__file__).parent / "study_parts.json").read_text(encoding="utf-8"))
    parts["study"] |= study
    cohort = Cohort(seed)
    phases = enumerate(("arterial", "portal", "delayed"))
    return ReportContent.model_validate(
        parts
        | {
            "outcomes": (cohort.outcome("er", "binary"), cohort.outcome("os", "survival")),
            "pictures": tuple(
                Picture(
                    caption=f"Tumour outline, {phase} phase",
                    png=picture(i),
                    case=f"HCC-{i:03d}",
                    stage="regions",
                )
                for i, phase in phases
            ),
        }
    )


@pytest.fixture(scope="session")
def content() -> ReportContent:
    """A report with everything in it."""
    return example()


@pytest.fixture(scope="session")
def document(content: ReportContent) -> Document:
    """All its figures and tables."""
    return compose(content)


@pytest.fixture(scope="session")
def bare() -> ReportContent:
    """A report with nothing but a study."""
    return ReportContent(study=Study(name="bare", seed=1))
