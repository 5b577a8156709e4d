# SPDX-License-Identifier: Apache-2.0
"""A run that has nothing left to do says so at once, without computing or drawing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hepacast.core.provenance import canonical_json, content_key, digest_bytes
from hepacast.io.store import write_atomic
from hepacast.run.cases.many import Receipt, kept
from hepacast.run.work.errands import code_digest
from hepacast.run.work.versions import versions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hepacast.run.cases.task import CaseTask
    from hepacast.run.gather import Materials

NOTE = "finished.json"
VERSION = 1
"""Raised whenever reports drawn earlier must be drawn again."""


def run_key(materials: Materials, tasks: Sequence[CaseTask], around: object = None) -> str | None:
    """Name a run by everything that its results depend on.

    Parameters
    ----------
    materials : Materials
        Study and tables.
    tasks : sequence of CaseTask
        Its cases with images.
    around : JSON-like
        Whatever else the report prints.

    Returns
    -------
    str or None
        None if a case was not measured yet, was touched since, or shall be tried again.
    """
    keys = {}
    for task in tasks:
        found = kept(task)
        if found is None:
            return None
        keys[task.case] = found.key if isinstance(found, Receipt) else f"failed: {found}"
    params = {
        "study": materials.study.model_dump(mode="json", by_alias=True),
        "software": versions(),
        "code": code_digest(),
        "around": around,
    }
    return content_key("run", VERSION, params, {**materials.digests, **keys})


def is_finished(out: Path, key: str | None, files: Sequence[Path]) -> bool:
    """Say whether a run of that key has finished here, and its files are as it left them."""
    try:
        note = json.loads((out / NOTE).read_text(encoding="utf-8"))
        if key is None or note["key"] != key:
            return False
        wanted = {str(path.relative_to(out)) for path in files}
        return wanted <= set(note["files"]) and all(
            digest_bytes((out / name).read_bytes()) == digest
            for name, digest in note["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def note_finished(out: Path, key: str | None, files: Sequence[Path]) -> None:
    """Write down that a run has finished, and what its files hold."""
    if key is None:
        (out / NOTE).unlink(missing_ok=True)
        return
    digests = {
        str(path.relative_to(out)): digest_bytes(path.read_bytes()) for path in sorted(files)
    }
    write_atomic(out / NOTE, canonical_json({"key": key, "files": digests}))
