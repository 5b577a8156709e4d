# SPDX-License-Identifier: Apache-2.0
"""Reclassification against Hmisc::improveProb and hand-made Kaplan-Meier forms in R."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.reclassification import idi, nri
from hepacast.stats.reclassification_survival import idi_survival, nri_survival


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("reclassification")


def test_category_free_nri_and_idi_agree_with_improve_prob(stored: Any, close: Any) -> None:
    data, values = stored
    models = data["p1"], data["p2"], data["y"]
    free = nri(*models, variance="hmisc")
    assert [free.estimate, free.se, free.p] == close(values["free"]["nri"])
    assert [free.of_events, free.of_others] == close([values["free"]["ev"], values["free"]["ne"]])
    gain = idi(*models, variance="hmisc")
    assert [gain.estimate, gain.se, gain.p] == close(values["idi"])


def test_both_standard_errors_of_the_categorical_nri_agree(stored: Any, close: Any) -> None:
    data, values = stored
    models = data["p1"], data["p2"], data["y"]
    multinomial = nri(*models, [0.2, 0.5], variance="hmisc")
    assert [multinomial.estimate, multinomial.se] == close(values["categories"])
    null = nri(*models, [0.2, 0.5])
    assert [null.estimate, null.se, null.p] == close(values["pencina"])
    free = nri(*models)
    assert [free.estimate, free.se, free.p] == close(values["pencina_free"])


def test_the_kaplan_meier_form_agrees(stored: Any, close: Any) -> None:
    data, values = stored
    late = data["late"]
    rng = np.random.default_rng(1)
    result = nri_survival(
        data["p1"], data["p2"], late["time"], late["event"], 7.0, rng, resamples=100
    )
    assert [result.of_events, result.of_others] == close(values["km"])


@pytest.mark.parametrize("estimator", ["km", "ipw"])
def test_without_censoring_the_survival_forms_are_the_binary_ones(
    stored: Any, estimator: Any
) -> None:
    data, _ = stored
    time = np.array(data["late"]["time"], dtype=float)
    by, everybody = time <= 7, np.ones(time.size)
    rng = np.random.default_rng(1)
    p1, p2 = data["p1"], data["p2"]
    survival = nri_survival(p1, p2, time, everybody, 7.0, rng, estimator=estimator, resamples=30)
    binary = nri(p1, p2, by)
    assert (survival.of_events, survival.of_others) == pytest.approx(
        (binary.of_events, binary.of_others)
    )
    gain = idi_survival(p1, p2, time, everybody, 7.0, rng, resamples=30)
    assert gain.estimate == pytest.approx(idi(p1, p2, by).estimate)
