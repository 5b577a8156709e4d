# SPDX-License-Identifier: Apache-2.0
"""Work that is kept: a task with its item becomes a small errand, its result a file.

A run that was stopped finds the results of what it had finished; a worker on
another machine reads what an errand needs from the folder, and writes its result
there.  Only digests travel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hepacast import _version
from hepacast.core.errors import HepacastError
from hepacast.core.provenance import content_key, digest_bytes
from hepacast.io.store import StoreError, write_atomic
from hepacast.run.work.freeze import Freezer, FrozenError, Part, thaw
from hepacast.run.work.versions import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


VERSION = 1
"""Raised whenever results kept earlier must not be used any more."""
WORK = "work"
_ROOMS = ("core", "stats", "select", "models", "deep", "run")
"""Rooms whose code a result depends on."""


class Mapper(Protocol):
    """Whoever maps a task over items: :class:`~hepacast.run.work.execute.Executor`."""

    @property
    def pool(self) -> object | None:
        """Where items are sent; here, if nowhere."""

    def map(
        self,
        task: Callable[[Any], Any],
        items: Sequence[Any],
        kept: Callable[[Any], Any],
    ) -> Iterator[tuple[int, Any]]:
        """Yield the place of every item with its result or its error."""


@dataclass(frozen=True, slots=True)
class Errand:
    """A task and its item, by name and digest.

    Parameters
    ----------
    folder : str
        Folder of the kept work, on a disk that every worker sees.
    task : str
        ``module:function`` of this package.
    item : str
        Digest of the item.
    key : str
        Content key of the result.
    """

    folder: str
    task: str
    item: str
    key: str


class Work:
    """Objects and results below one folder.

    Parameters
    ----------
    folder : Path
        Made when the first object is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, digest: str, part: Part) -> None:
        """Keep an object, unless it is there."""
        path = self._object(digest)
        if not path.is_file():
            write_atomic(path, part.form.encode() + b"\0" + part.data)

    def get(self, digest: str) -> Part:
        """Read an object, and make sure that it is the one asked for.

        Raises
        ------
        StoreError
            If it is gone or damaged.
        """
        path = self._object(digest)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _gone(path, error.strerror or str(error)) from error
        if digest_bytes(data) != digest:
            raise _gone(path, "other bytes")
        form, _, content = data.partition(b"\0")
        return Part(form.decode(), content)

    def keep(self, key: str, result: object) -> None:
        """Write a result beside the digest of what it says."""
        text = Freezer(self.put).freeze(result)
        write_atomic(self._result(key), f"{digest_bytes(text.encode())}\n{text}")

    def recall(self, key: str) -> tuple[Any] | None:
        """Return the result of a key in a tuple, or None if there is none that is whole."""
        try:
            digest, _, text = self._result(key).read_text(encoding="utf-8").partition("\n")
            if digest_bytes(text.encode()) != digest:
                return None
            return (thaw(text, self.get),)
        except (OSError, UnicodeDecodeError, FrozenError):
            return None

    def _object(self, digest: str) -> Path:
        return self.folder / "objects" / digest[:2] / digest

    def _result(self, key: str) -> Path:
        return self.folder / "results" / key[:2] / f"{key}.json"


def _gone(path: Path, got: str) -> StoreError:
    return StoreError(
        what="kept work must be there and as it was written",
        got=got,
        fix=f"Delete the folder {WORK!r} of the results and run again.",
    ).at(file=path)


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Digest the code that results depend on: those of other code are never used."""
    root = Path(_version.__file__).parent
    files = sorted(path for room in _ROOMS for path in (root / room).rglob("*.py"))
    return digest_bytes("".join(digest_bytes(path.read_bytes()) for path in files).encode())


def perform(errand: Errand) -> str:
    """Carry out an errand, and return the key of its result.

    Raises
    ------
    HepacastError
        As the task raises it; then nothing is kept.
    """
    work = Work(Path(errand.folder))
    if work.recall(errand.key) is None:
        task, item = _read(errand.folder, errand.item)
        work.keep(errand.key, task(item))
    return errand.key


@lru_cache(maxsize=4)
def _objects(folder: str) -> dict[str, Part]:
    """Hold what the errands of one folder share: read once by every worker."""
    del folder
    return {}


def _read(folder: str, digest: str) -> tuple[Callable[[Any], Any], Any]:
    """Read a task and its item, sharing what was read for the errand before."""
    work, shared = Work(Path(folder)), _objects(folder)

    def get(wanted: str) -> Part:
        if wanted not in shared:
            if len(shared) > 64:
                shared.clear()
            shared[wanted] = work.get(wanted)
        return shared[wanted]

    text = get(digest).data.decode()
    task, item = thaw(text, get)
    return task, item


def run_kept(
    executor: Mapper, folder: Path, task: Callable[[Any], Any], items: Sequence[Any]
) -> Iterator[tuple[int, Any]]:
    """Map a task over items, finding what an earlier run has finished.

    Parameters
    ----------
    executor : Mapper
        Who works.
    folder : Path
        Folder of the results, on a disk that every worker sees.
    task : callable
        A named function of this package.
    items : sequence
        Values of this package; what they share is written once.

    Yields
    ------
    (int, result or HepacastError)
        Place of the item, as :meth:`Mapper.map` gives it.
    """
    work = Work(folder / WORK)
    # Worked on here, nobody reads the objects: their digests are enough for the key.
    freezer = Freezer(work.put if executor.pool is not None else lambda _digest, _part: None)
    errands = [_errand(work, freezer, task, item) for item in items]
    if executor.pool is None:
        by_errand = dict(zip(errands, items, strict=True))

        def here(errand: Errand) -> str:
            work.keep(errand.key, task(by_errand[errand]))
            return errand.key

        found = executor.map(here, errands, lambda errand: _known(work, errand))
    else:
        found = executor.map(perform, errands, lambda errand: _known(work, errand))
    for at, result in found:
        if isinstance(result, HepacastError):
            yield at, result
            continue
        recalled = work.recall(result)
        if recalled is None:
            raise _gone(work.folder, f"no result for item {at}")
        yield at, recalled[0]


def _errand(work: Work, freezer: Freezer, task: Callable[[Any], Any], item: object) -> Errand:
    """Write what an errand needs, and name its result."""
    text = freezer.freeze((task, item))
    part = Part("json", text.encode())
    digest = digest_bytes(b"json\0" + part.data)
    freezer.put(digest, part)
    name = f"{task.__module__}:{task.__qualname__}"
    around = {"software": versions(), "code": code_digest()}
    key = content_key(name, VERSION, around, {"item": digest})
    return Errand(str(work.folder), name, digest, key)


def _known(work: Work, errand: Errand) -> str | None:
    """Return the key of a result that is there and whole."""
    return None if work.recall(errand.key) is None else errand.key
