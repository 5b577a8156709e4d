# SPDX-License-Identifier: Apache-2.0
"""From a predictor and a study file to a folder that a centre can send back."""

from __future__ import annotations

import datetime as dt
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hepacast.core.errors import StudyError
from hepacast.core.events import ignore
from hepacast.io.store import write_atomic
from hepacast.report.returned_page import print_returned
from hepacast.run.predictor.files import read_predictor
from hepacast.run.predictor.seal import read_secret
from hepacast.run.predictor.validate import try_predictor
from hepacast.run.predictor.validate_figures import summarise
from hepacast.run.predictor.validate_seal import FIGURES, PAGE, SEAL, seal
from hepacast.run.work.execution import Execution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hepacast.core.events import Listener
    from hepacast.report.returned import Returned


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried on whom.

    Parameters
    ----------
    predictor, study : Path
        Folder of the predictor, and study file of this centre.
    centre : str
        How the centre is called in the figures.
    outcome : str, optional
        End point in the study file; the predictor's by default.
    work : Path, optional
        Folder for what is measured; one that is thrown away by default.
    jobs : int
        Processes.
    signed_by : Path, optional
        Public key whose owner must have signed the predictor.
    """

    predictor: Path
    study: Path
    centre: str
    outcome: str | None = None
    work: Path | None = None
    jobs: int = 1
    signed_by: Path | None = None


def write_validation(
    trial: Trial, key: Path, out: Path, *, on_event: Listener = ignore
) -> Returned:
    """Try a predictor on the patients of a study, and write what may leave the centre.

    Parameters
    ----------
    trial : Trial
        What is tried on whom.
    key : Path
        Private key of the centre, from :func:`~hepacast.run.predictor.seal.new_key`.
    out : Path
        New folder, or one that holds an earlier validation.
    on_event : callable
        Told of progress.

    Returns
    -------
    Returned
        The figures.

    Raises
    ------
    StudyError
        If the folder holds anything else, or the study does not fit the predictor.
    SealError
        If nobody vouches for the predictor who should.
    NotEstimableError
        With too few patients for aggregate figures.
    """
    _require_own(out)
    read_secret(key)
    predictor = read_predictor(trial.predictor, signed_by=trial.signed_by)
    with _place(trial.work) as work, Execution(trial.jobs).open() as executor:
        tried = try_predictor(
            predictor, trial.study, work, executor, outcome=trial.outcome, on_event=on_event
        )
    day = dt.datetime.now(dt.UTC).date().isoformat()
    told = summarise(tried, trial.centre, day)
    write_atomic(out / FIGURES, told.model_dump_json(indent=1) + "\n")
    write_atomic(out / PAGE, print_returned(told))
    seal(out, key)
    return told


def _require_own(out: Path) -> None:
    """Refuse a folder with anything else in it: the whole folder is sent."""
    strange = {path.name for path in out.iterdir()} - {FIGURES, PAGE, SEAL} if out.exists() else ()
    if strange:
        raise StudyError(
            what="the folder to send back holds nothing else",
            got=min(strange),
            fix="Choose a new folder.",
        ).at(folder=out.name)


@contextmanager
def _place(work: Path | None) -> Iterator[Path]:
    """Give a folder for what is measured; it is thrown away if none was named."""
    if work is not None:
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield work
        return
    with tempfile.TemporaryDirectory(prefix="hepacast-") as made:
        yield Path(made)
