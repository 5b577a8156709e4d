# SPDX-License-Identifier: Apache-2.0
"""How the numbers came about: controls, openings of test cohorts, seeds, the order of papers."""

from typing import Literal

from hepacast.report.content.base import Count, Estimate, Number, Numbers, Shown


class Control(Shown):
    """A run that must fail if everything is honest, and whether it did.

    Examples
    --------
    >>> Control(name="random features", model="imaging", value=0.51, expected="0.5",
    ...         verdict="passed").verdict
    'passed'
    """

    name: str
    """``permuted labels``, ``random features``, ``shuffled voxels``, ``volume only``."""
    model: str
    """Model it belongs to."""
    measure: str = "AUC"
    """What was computed."""
    value: Number = None
    """Mean of what the control reached."""
    values: Numbers = ()
    """Each of its runs."""
    observed: Number = None
    """What the real run reached."""
    expected: str = ""
    """What an honest procedure gives."""
    verdict: Literal["passed", "failed", "to be judged"]
    """Whether it gave that; some controls are for the reader to judge."""
    sentence: str = ""
    """In words."""


class Opening(Shown):
    """How often a test cohort was looked at."""

    cohort: str
    """Its name in the study file."""
    n: Count
    """Patients."""
    opened: Count
    """Times that it was scored with different settings, this one included."""


class Seeds(Shown):
    """What one model reaches on single divisions of the development cohort, one per seed."""

    model: str
    """Its name."""
    measure: str = "AUC"
    """What was computed."""
    values: Numbers
    """One per seed."""
    mean: Number = None
    """Their mean."""
    low: Number = None
    """2.5th percentile."""
    high: Number = None
    """97.5th percentile."""


class Published(Shown):
    """One model on one cohort: the strict result, and that of the usual order of papers."""

    model: str
    """Its name."""
    cohort: str
    """``development``, or a test cohort."""
    measure: str = "AUC"
    """What was computed."""
    strict: Estimate
    """Everything learned inside the resampling."""
    optimistic: Estimate
    """Selection learned on patients that it scores."""
    optimism: Number = None
    """Optimistic minus strict."""
    printed: Number = None
    """What the paper prints."""
