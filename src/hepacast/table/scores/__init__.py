# SPDX-License-Identifier: Apache-2.0
"""Clinical scores: each is a comparator in any study."""

from hepacast.table.scores import blood, function, published, stage
from hepacast.table.scores.score import SCORES, ScoreParams

__all__ = ["SCORES", "ScoreParams", "blood", "function", "published", "stage"]
