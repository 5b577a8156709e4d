# SPDX-License-Identifier: Apache-2.0
"""Read damaged files, each in a process of its own with little memory and time.

    python fuzz_reader.py FOLDER COUNT SEED

mutates every file of FOLDER in turn, COUNT times in all, and prints what became of
the readers as JSON: how many were read, refused with a typed error, or went wrong.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import HepacastError
from hepacast.io.images import read_image

if TYPE_CHECKING:
    from hepacast.core.volume import Volume

READ, REFUSED, WRONG, UNTYPED, HUNG, KILLED = 0, 10, 11, 12, 13, 14
NAMES = {READ: "read", REFUSED: "refused", WRONG: "wrong", UNTYPED: "untyped"}
SECONDS = 20
EXTRA_BYTES = 1 << 30


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Flip, overwrite, cut, repeat or insert bytes, mostly in the header."""
    raw = bytearray(data)
    reach = len(raw) if rng.random() < 0.4 else min(len(raw), 2000)
    for _ in range(int(rng.integers(1, 9))):
        at = int(rng.integers(0, max(1, min(reach, len(raw)))))
        kind = int(rng.integers(0, 6))
        if kind == 0:
            raw[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            raw[at] = int(rng.integers(0, 256))
        elif kind == 2:
            raw[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"])
        elif kind == 3:
            del raw[at : at + int(rng.integers(1, 400))]
        elif kind == 4:
            raw[at:at] = raw[at : at + int(rng.integers(1, 200))]
        else:
            raw[at:at] = rng.bytes(int(rng.integers(1, 20)))
        if not raw:
            return b""
    return bytes(raw)


def one_read(path: Path, truth: Volume | None) -> int:
    """Read in this (child) process and return what became of it."""
    try:
        volume = read_image(path)
    except HepacastError as error:
        return REFUSED if str(error) else UNTYPED
    if truth is not None and not np.array_equal(volume.data, truth.data):
        return WRONG
    return READ


def in_child(path: Path, truth: Volume | None) -> int:
    """Fork, limit, read; return the child's verdict."""
    child = os.fork()
    if child == 0:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + EXTRA_BYTES, size + EXTRA_BYTES))
        signal.alarm(SECONDS)
        try:
            os._exit(one_read(path, truth))
        except BaseException as error:
            # Whatever escapes is the finding.
            sys.stderr.write(f"{path.name}: {type(error).__name__}: {error}\n")
            sys.stderr.flush()
            os._exit(UNTYPED)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return HUNG if os.WTERMSIG(status) == signal.SIGALRM else KILLED
    return os.WEXITSTATUS(status)


def main() -> None:
    """Mutate and read."""
    warnings.simplefilter("ignore")
    folder, count, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    sources = sorted(folder.iterdir())
    truths = {}
    for path in sources:
        # Only a checksum can tell changed voxels; raw files are checked for crashes alone.
        checked = path.suffix == ".gz"
        truths[path] = read_image(path) if checked else None
        read_image(path)
    verdicts: Counter[str] = Counter()
    bad = []
    with tempfile.TemporaryDirectory() as place:
        for n in range(count):
            source = sources[n % len(sources)]
            target = Path(place) / f"{n}-{source.name}"
            target.write_bytes(mutate(source.read_bytes(), np.random.default_rng((seed, n))))
            verdict = in_child(target, truths[source])
            verdicts[NAMES.get(verdict, "hung" if verdict == HUNG else "killed")] += 1
            if verdict not in (READ, REFUSED):
                bad.append(target.name)
            target.unlink()
    sys.stdout.write(json.dumps({"verdicts": dict(verdicts), "bad": bad}) + "\n")


if __name__ == "__main__":
    main()
