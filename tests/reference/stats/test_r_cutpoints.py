# SPDX-License-Identifier: Apache-2.0
"""Cut-offs against R's maxstat and survdiff."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hepacast.stats.cutpoints import maximally_selected, miller_siegmund, xtile, xtile_three


@pytest.fixture
def stored(from_r: Any) -> Any:
    return from_r("cutpoints")


@pytest.mark.parametrize(("key", "least"), [("exact", 0.1), ("exact25", 0.25)])
def test_maximally_selected_statistics_agree_with_maxstat(
    stored: Any, close: Any, key: str, least: float
) -> None:
    data, values = stored
    d, expected = data["exact"], values[key]
    result = maximally_selected(d["x"], d["time"], d["event"], least=least)
    assert [result.statistic, result.p] == close([expected["statistic"], expected["p"]])
    # maxstat names the last value below the cut, we the middle of the gap.
    below = max(x for x in d["x"] if x < result.cutoff)
    assert below == expected["cut"]
    theirs = dict(zip(np.round(expected["cuts"], 6), expected["stats"], strict=True))
    mine = {
        max(round(x, 6) for x in d["x"] if x < c): s
        for c, s in zip(result.candidates, result.statistics, strict=True)
    }
    common = sorted(set(theirs) & set(mine))
    assert len(common) > 10
    assert [mine[c] for c in common] == close([theirs[c] for c in common])


def test_the_corrected_p_value_agrees_with_lausen(stored: Any, close: Any) -> None:
    mine = [miller_siegmund(b, 0.15, 0.85) for b in (1.5, 2.2, 3.0, 4.1)]
    # Ours is cut at 1, theirs is not.
    assert mine == close(np.minimum(stored[1]["lausen"], 1.0))


@pytest.mark.parametrize("cohort", ["exact", "tied"])
def test_every_cut_of_xtile_is_a_log_rank_test(stored: Any, close: Any, cohort: str) -> None:
    data, values = stored
    d = data[cohort]
    result = xtile(d["x"], d["time"], d["event"], least=0.05)
    at = [int(np.argmax(result.candidates > cut)) for cut in data["cuts"]]
    assert result.statistics[at] == close(values[f"chi_{cohort}"])
    assert result.statistic == result.statistics.max()
    assert result.p > result.p_naive


def test_every_pair_of_cuts_is_a_log_rank_test_of_three_groups(stored: Any, close: Any) -> None:
    data, values = stored
    d = data["tied"]
    rng = np.random.default_rng(2)
    result = xtile_three(d["x"], d["time"], d["event"], rng, least=0.05, permutations=30)
    for (low, high), expected in zip([(-0.5, 0.3), (-1, 0.8)], values["three_tied"], strict=True):
        row = int(np.argmax(result.candidates > low))
        column = int(np.argmax(result.candidates > high))
        assert result.map[row, column] == close(expected)
    assert result.p > result.p_naive
