"""Planted slices: blind to volume and first order by construction, bright in rim by truth."""

from __future__ import annotations

import numpy as np

from hepacast.phantom.planted import PlantedParams, plant

COHORT = plant(PlantedParams(patients=200, side=32))


def correlation(values: list[float]) -> float:
    return float(np.corrcoef(values, COHORT.truth)[0, 1])


def within(statistic: str) -> list[float]:
    rows = zip(COHORT.pixels[:, 0], COHORT.tumour, strict=True)
    return [float(getattr(pixels[mask].astype(float), statistic)()) for pixels, mask in rows]


def test_volume_mean_and_spread_do_not_know_the_truth() -> None:
    # The standard error of a correlation of 200 cases is 0.07.
    assert abs(correlation(COHORT.tumour.sum(axis=(1, 2)).astype(float).tolist())) < 0.2
    assert abs(correlation(within("mean"))) < 0.2
    assert abs(correlation(within("std"))) < 0.2


def test_texture_and_rim_know_the_truth() -> None:
    rows = list(zip(COHORT.pixels[:, 0], COHORT.tumour, COHORT.ring, strict=True))
    rims = [float(pixels[ring].mean()) for pixels, _, ring in rows]
    steps = []
    for pixels, mask, _ in rows:
        both = mask[:, 1:] & mask[:, :-1]
        steps.append(float(np.abs(np.diff(pixels, axis=1))[both].mean()))
    assert correlation(rims) > 0.7
    assert correlation(steps) < -0.7


def test_the_event_follows_the_truth_and_the_marker_by_their_effects() -> None:
    params = PlantedParams(patients=200, side=32, image_effect=0.0, clinical_effect=3.0)
    shared = plant(params)
    marker = shared.clinical[:, 0]
    assert marker[shared.event].mean() > marker[~shared.event].mean() + 0.8
    assert abs(shared.truth[shared.event].mean() - shared.truth[~shared.event].mean()) < 0.5


def test_a_patient_does_not_depend_on_how_many_there_are() -> None:
    few = plant(PlantedParams(patients=5, side=32))
    assert np.array_equal(few.pixels, COHORT.pixels[:5])
