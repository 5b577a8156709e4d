# SPDX-License-Identifier: Apache-2.0
"""One share of the work: for job arrays, and for machines that cannot reach one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from hepacast.core.errors import HepacastError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


class ShardError(HepacastError, ValueError):
    """A share that does not exist."""


class SharesLeftError(HepacastError, RuntimeError):
    """One share is done; the others are not."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Share ``k`` of ``n``.

    Parameters
    ----------
    k : int
        From 1 to n.
    n : int
        How many shares there are.

    Notes
    -----
    Items belong to shares by their place among *all* items, not among those that are
    left: shares that start at different times see different rests, and an item
    between two rests would be nobody's.

    Examples
    --------
    >>> Shard.parse("2/3").mine([(at, chr(97 + at)) for at in range(7)])
    [(1, 'b'), (4, 'e')]
    """

    k: int
    n: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``k/n``.

        Raises
        ------
        ShardError
            If it is something else, or no such share exists.
        """
        k, slash, n = text.partition("/")
        if slash and k.strip().isdecimal() and n.strip().isdecimal():
            share = cls(int(k), int(n))
            if 1 <= share.k <= share.n:
                return share
        raise ShardError(
            what="a share is k/n with k from 1 to n",
            got=repr(text),
            fix="Write --shard 1/4 for the first of four; SLURM: $SLURM_ARRAY_TASK_ID/4.",
        )

    def mine(self, todo: Sequence[tuple[int, Item]]) -> list[tuple[int, Item]]:
        """Choose the items of this share, each with its place among all items."""
        return [(at, item) for at, item in todo if at % self.n == self.k - 1]

    def others(
        self,
        todo: Sequence[tuple[int, Item]],
        kept: Callable[[Item], Result | HepacastError | None],
    ) -> Iterator[tuple[int, Result | HepacastError]]:
        """Take what the other shares have finished meanwhile.

        Raises
        ------
        SharesLeftError
            If they have not finished all.
        """
        left = 0
        for at, item in todo:
            if at % self.n == self.k - 1:
                continue
            found = kept(item)
            if found is None:
                left += 1
            else:
                yield at, found
        if left:
            raise SharesLeftError(
                what=f"share {self.k} of {self.n} is done",
                got=f"{left} items of the other shares are not",
                fix="When all shares are done, run once without --shard.",
            )
