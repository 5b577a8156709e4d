# SPDX-License-Identifier: Apache-2.0
"""One feature at a time, for tens of thousands of features at once: the door to all screens."""

from hepacast.stats.screen import Screen
from hepacast.stats.univariate_cox import screen_cox
from hepacast.stats.univariate_groups import GroupScreen, screen_c, screen_mann_whitney, screen_t
from hepacast.stats.univariate_logistic import screen_logistic

__all__ = [
    "GroupScreen",
    "Screen",
    "screen_c",
    "screen_cox",
    "screen_logistic",
    "screen_mann_whitney",
    "screen_t",
]
