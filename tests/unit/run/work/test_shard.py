# SPDX-License-Identifier: Apache-2.0
"""Shares of the work: every item is somebody's, and nobody's twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepacast.run.work.execute import Executor
from hepacast.run.work.shard import Shard, ShardError, SharesLeftError

if TYPE_CHECKING:
    from collections.abc import Callable


def remember(store: dict[int, int], done: list[int]) -> Callable[[int], int]:
    """Make a task that keeps its result, as a record on disk would."""

    def square(item: int) -> int:
        done.append(item)
        store[item] = item * item
        return store[item]

    return square


@given(st.integers(0, 40), st.integers(1, 7), st.randoms(use_true_random=False))
def test_shares_that_start_in_any_order_do_every_item_once(
    n_items: int, shares: int, shuffle: object
) -> None:
    store: dict[int, int] = {}
    done: list[int] = []
    order = list(range(1, shares + 1))
    shuffle.shuffle(order)  # type: ignore[attr-defined]
    task = remember(store, done)
    for at, k in enumerate(order):
        run = Executor(shard=Shard(k, shares))
        try:
            found = dict(run.map(task, range(n_items), store.get))
        except SharesLeftError:
            assert at < shares - 1
        else:
            assert found == {item: item * item for item in range(n_items)}
    assert sorted(done) == list(range(n_items))


def test_a_share_says_how_much_the_others_have_left() -> None:
    with pytest.raises(SharesLeftError, match="share 1 of 3 is done; got 6 items of the other"):
        list(Executor(shard=Shard(1, 3)).map(abs, range(9), lambda _: None))


def test_what_is_kept_is_never_sent() -> None:
    sent: list[int] = []
    found = dict(Executor().map(sent.append, [1, 2, 3], lambda item: "kept" if item == 2 else None))
    assert sent == [1, 3]
    assert found[1] == "kept"


@pytest.mark.parametrize("text", ["", "2", "0/3", "4/3", "a/b", "1/0", "-1/2", "1/2/3"])
def test_a_share_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ShardError, match="k/n with k from 1 to n"):
        Shard.parse(text)
