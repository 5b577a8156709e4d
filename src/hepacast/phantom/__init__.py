# SPDX-License-Identifier: Apache-2.0
"""Synthetic patients with a known truth."""

from hepacast.phantom.cohort import write_cohort
from hepacast.phantom.params import PhantomParams
from hepacast.phantom.patient import Patient, simulate_patient
from hepacast.phantom.truth import TrueValue, Truth, attainable, true_performance

__all__ = [
    "Patient",
    "PhantomParams",
    "TrueValue",
    "Truth",
    "attainable",
    "simulate_patient",
    "true_performance",
    "write_cohort",
]
