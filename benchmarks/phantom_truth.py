# SPDX-License-Identifier: Apache-2.0
"""Measure how near ordinary features come to the phantom's truth.

Simulates cohorts, measures a handful of first-order features on tumour and ring
by hand (no hepacast feature code), and compares the out-of-fold AUC of an L1
logistic regression with the AUC of the aggressiveness itself in the same
patients, and with the true value of the population.

Usage: python benchmarks/phantom_truth.py [cohorts] [patients] [ct|mr|ceus] [effect]
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from scipy.ndimage import distance_transform_edt
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hepacast.phantom import PhantomParams, simulate_patient, true_performance

if TYPE_CHECKING:
    from hepacast.phantom import Patient

RING_MM = 6.0


def features(patient: Patient) -> list[float]:
    """Measure tumour and ring in every phase."""
    found = []
    for phase, image in patient.phases.items():
        region = patient.masks[phase, 1, "tumour"]
        box = region.box(margin_voxels=5)
        inside = region.mask[box]
        reach = distance_transform_edt(~inside, sampling=region.grid.spacing)
        ring = (reach <= RING_MM) & ~inside & patient.masks[phase, 1, "liver"].mask[box]
        for part in (inside, ring):
            values = image.data[box][part]
            low, first, middle, third, high = np.percentile(values, [10, 25, 50, 75, 90])
            spread = float(values.std())
            found += [values.mean(), spread, low, middle, high, third - first]
            found.append(float(np.mean((values - values.mean()) ** 3)) / spread**3)
    return [float(value) for value in found] + [region.volume_ml]


def study(params: PhantomParams) -> tuple[float, float]:
    """Out-of-fold AUC of a LASSO model, and AUC of the aggressiveness, in one cohort."""
    patients = [simulate_patient(params, index) for index in range(1, params.patients + 1)]
    table = np.array([features(patient) for patient in patients])
    truths = [patient.truth for patient in patients]
    months = [np.inf if t["recurrence_months"] is None else t["recurrence_months"] for t in truths]
    event = np.array(months) <= params.horizon_months
    lasso = LogisticRegressionCV(
        Cs=10, l1_ratios=(1.0,), solver="saga", cv=5, max_iter=5000, tol=1e-3,
        scoring="neg_log_loss", random_state=0, use_legacy_attributes=False,
    )  # fmt: skip
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(
        make_pipeline(StandardScaler(), lasso), table, event, cv=folds, method="decision_function"
    )
    z = [params.effect * t["aggressiveness"] for t in truths]
    return float(roc_auc_score(event, scores)), float(roc_auc_score(event, z))


def main() -> None:
    """Print one line per cohort and the means."""
    given = sys.argv[1:]
    cohorts, patients = (int(given[0]), int(given[1])) if len(given) > 1 else (5, 60)
    modality = cast("Literal['ct', 'mr', 'ceus']", given[2] if len(given) > 2 else "ct")
    effect = float(given[3]) if len(given) > 3 else 1.4
    base = PhantomParams(patients=patients, modality=modality, effect=effect)
    truth = true_performance(base).get("recurrence", "imaging")
    print(f"truth: imaging AUC {truth.value:.3f} for recurrence within 24 months")
    found = []
    for seed in range(1, cohorts + 1):
        found.append(study(base.model_copy(update={"seed": seed})))
        print(f"seed {seed}: LASSO {found[-1][0]:.3f}, aggressiveness itself {found[-1][1]:.3f}")
    learned, oracle = np.mean(found, axis=0)
    print(f"mean of {cohorts} cohorts of {patients}: LASSO {learned:.3f}, itself {oracle:.3f}")


if __name__ == "__main__":
    main()
