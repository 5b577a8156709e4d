# SPDX-License-Identifier: Apache-2.0
"""The process that parses what strangers send: limited, and thrown away when it misbehaves.

Reads one JSON object per line (``folder``, ``out``, ``case``), and answers each with one
line: ``{"outcome": "done" | "rejected" | "failed", "reason": ...}``, with ``spent`` if it
should be replaced.  The predictor is read once.  Run as
``python -m hepacast.serve.child PREDICTOR BYTES [PUBLIC-KEY]``.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from hepacast.core.errors import HepacastError
from hepacast.run.predictor.files import read_predictor
from hepacast.run.predictor.networks import load_networks
from hepacast.serve.objects import predict_folder

_PDEATHSIG = 1


def limit_memory(limit: int) -> None:
    """Bound the address space of this process, bytes; forbid core dumps."""
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def die_with_parent() -> None:
    """Ask to be killed when the thread that started this process ends.

    An orphan would go on writing where a restarted service writes.  Of Linux; elsewhere it
    ends after the job at hand, when its input does.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PDEATHSIG, signal.SIGKILL)


def reason_of(error: HepacastError) -> str:
    """Say what is wrong without the place and the value: these may name a patient.

    Examples
    --------
    >>> reason_of(HepacastError(what="a phase is there", got="ZHANG", fix="Send it.").at(file="x"))
    'a phase is there. Send it.'
    """
    return f"{error.what}. {error.fix}"


def main(predictor: str, limit: str, signed_by: str | None = None) -> None:
    """Serve jobs until the input ends."""
    die_with_parent()
    limit_memory(int(limit))
    # Answers have a channel of their own: nothing that a library prints can be taken for one.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    key = None if signed_by is None else Path(signed_by)
    model = read_predictor(Path(predictor), signed_by=key)
    load_networks(model.preparation)
    print(json.dumps({"digest": model.digest}), file=answers, flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        answer: dict[str, Any] = {"outcome": "done", "reason": ""}
        try:
            predict_folder(model, Path(job["folder"]), Path(job["out"]), case=job["case"])
        except HepacastError as error:
            kind = "failed" if isinstance(error, OSError) else "rejected"
            answer = {"outcome": kind, "reason": reason_of(error)}
        except MemoryError:
            reason = "the images need more memory than is allowed."
            answer = {"outcome": "rejected", "reason": reason, "spent": True}
        except Exception as error:
            answer = {"outcome": "failed", "reason": type(error).__name__}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
