# SPDX-License-Identifier: Apache-2.0
"""The settings of the model that a study hands on."""

from hepacast.core.params import Params


class DeployParams(Params):
    """Which model becomes a predictor."""

    model: str
    """One of ``models.sets``."""
    outcome: str | None = None
    """End point; the first one by default."""
    licence: str = "All rights reserved. Ask the authors of the study."
    """Text of the LICENSE file beside the model."""
    intended_use: str = "Research only; not a medical device."
    """Who may use it for what; printed on everything that it makes."""
