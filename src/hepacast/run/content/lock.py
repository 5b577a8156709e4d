# SPDX-License-Identifier: Apache-2.0
"""``study.lock``: everything that would have to be equal to get the same numbers again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hepacast.run.work.versions import versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hepacast.run.gather import Materials
    from hepacast.run.protocol.resample import Resample


def lock_text(
    materials: Materials,
    records: Mapping[str, str],
    resamples: Mapping[str, Sequence[Resample]],
    tests: Sequence[tuple[str, int, int]] = (),
) -> str:
    """Write the lock as JSON.

    Parameters
    ----------
    materials : Materials
        The study with all defaults resolved, and the digests of its tables.
    records : mapping of str to str
        Content key of every measured case.
    resamples : mapping of str to sequence of Resample
        Folds of every outcome; who is scored where was settled by the seed alone.
    tests : sequence of (str, int, int)
        Test cohorts: name, patients, and how often they were opened, this time included.
    """
    content = {
        "lock": 1,
        "versions": versions(),
        "study": materials.study.model_dump(mode="json", by_alias=True),
        "digests": dict(materials.digests),
        "records": dict(records),
        "tests": {name: {"patients": n, "opened": count} for name, n, count in tests},
        "outcomes": {
            name: {
                "cases": list(tasks[0].cohort.table.cases),
                "features": len(tasks[0].cohort.table.columns),
                "folds": {task.key: sorted(task.fold.score) for task in tasks},
            }
            for name, tasks in resamples.items()
        },
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
