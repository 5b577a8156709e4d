# SPDX-License-Identifier: Apache-2.0
"""Predictors on disk: written whole, read only if every byte is as it was written.

::

    model.json             everything declarative: phases, regions, features, clinical
                           fields, fits with their coefficients, cut, envelope
    models/<digest>        arrays, and estimators of other packages (skops, boosters)
    networks/<digest>.safetensors  weights of frozen networks
    configs/metadata.json  the same in short, in the layout of a MONAI bundle
    docs/README.md         model card
    LICENSE                as the study file declares it
    golden.json            three made-up cases and what they must give
    manifest.json          sha256 of every file above
    manifest.sig           who vouches for the manifest, if somebody does

No patient is in it: the ids seen in training and the training rows stay behind.
Nothing in it runs code when it is read.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hepacast.core.errors import HepacastError, StudyError
from hepacast.core.provenance import canonical_json, digest_bytes
from hepacast.core.table import FeatureTable
from hepacast.run.cases.measure import VERSION as MEASURE_VERSION
from hepacast.run.predictor.estimators import dump, load
from hepacast.run.predictor.networks import pack_networks, unpack_networks
from hepacast.run.predictor.predictor import Predictor, PredictorError
from hepacast.run.predictor.predictor_seal import MANIFEST, SIGNATURE, require_signed
from hepacast.run.work.freeze import Freezer, FrozenError, Part, thaw

FORMAT = 1
"""Raised whenever predictors written earlier cannot be read any more."""
GOLDEN_TOLERANCE = 1e-9
_MODEL, _GOLDEN = "model.json", "golden.json"


def write_predictor(predictor: Predictor, train: FeatureTable, folder: Path, licence: str) -> Path:
    """Write a predictor, whole or not at all.

    Parameters
    ----------
    predictor : Predictor
        The model.
    train : FeatureTable
        What it learned from: its quartiles make three golden cases that are nobody.
    folder : Path
        Replaced if it holds a predictor.
    licence : str
        Text of ``LICENSE``.

    Raises
    ------
    StudyError
        If the folder holds something else.
    """
    if folder.exists() and not (folder / MANIFEST).is_file():
        raise StudyError(
            what="a predictor is written to a new folder, or over an older predictor",
            got="other files",
            fix="Choose another folder.",
        ).at(folder=folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _fill(staging, predictor, train, licence)
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        staging.chmod(0o755)
        staging.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def _fill(place: Path, predictor: Predictor, train: FeatureTable, licence: str) -> None:
    """Write all files, the manifest last."""
    for name in ("models", "configs", "docs"):
        (place / name).mkdir()

    def put(digest: str, part: Part) -> None:
        (place / "models" / digest).write_bytes(part.form.encode() + b"\0" + part.data)

    freezer = Freezer(put, dump, whole=True)
    packed = pack_networks(predictor.preparation, place)
    text = freezer.freeze(replace(predictor, preparation=packed))
    (place / _MODEL).write_text(
        json.dumps({"format": FORMAT, "predictor": json.loads(text)}, indent=1), encoding="utf-8"
    )
    golden = golden_cases(train.select(predictor.columns))
    found = predictor.predict(golden)
    answers = {"table": golden, "score": found.score, "probability": found.probability}
    (place / _GOLDEN).write_text(freezer.freeze(answers), encoding="utf-8")
    about = predictor.about
    metadata = {
        "version": "1",
        "name": about.name,
        "task": f"{about.outcome}: {about.title}",
        "description": about.performance,
        "intended_use": about.intended_use,
        **{f"{name.lower()}_version": number for name, number in about.software.items()},
    }
    (place / "configs" / "metadata.json").write_text(json.dumps(metadata, indent=1))
    (place / "docs" / "README.md").write_text(card(predictor), encoding="utf-8")
    (place / "LICENSE").write_text(licence, encoding="utf-8")
    files = sorted(path for path in place.rglob("*") if path.is_file())
    digests = {str(p.relative_to(place)): digest_bytes(p.read_bytes()) for p in files}
    (place / MANIFEST).write_text(canonical_json(digests), encoding="utf-8")


def golden_cases(train: FeatureTable) -> FeatureTable:
    """Make three cases of the quartiles of every column: like patients, but nobody."""
    rows = []
    for share in (0.25, 0.5, 0.75):
        sort = np.sort(train.values, axis=0)
        count = (~np.isnan(train.values)).sum(axis=0)
        at = np.clip((share * (count - 1)).astype(int), 0, None)
        rows.append(sort[at, np.arange(sort.shape[1])])
    return FeatureTable(np.array(rows), ("quartile 1", "median", "quartile 3"), train.columns)


def read_predictor(folder: Path, *, signed_by: Path | None = None) -> Predictor:
    """Read a predictor, and believe it only if every check holds.

    Checked are the digest of every file, that there is no file beside them, the
    version of the format and of the measuring, and the golden cases.

    Parameters
    ----------
    folder : Path
        The predictor.
    signed_by : Path, optional
        Public key whose owner must have signed it; without one, whoever can write the
        folder can put another predictor there.

    Raises
    ------
    PredictorError
        Naming the file and what is wrong with it.
    SealError
        If it is not signed, or by another key.
    """
    digest = _require_manifest(folder, signed_by)

    def get(wanted: str) -> Part:
        if not (wanted.isalnum() and (folder / "models" / wanted).is_file()):
            raise _wrong(folder, f"no object {wanted[:12]!r}")
        form, _, data = (folder / "models" / wanted).read_bytes().partition(b"\0")
        return Part(form.decode("ascii", "replace"), data)

    try:
        content = json.loads((folder / _MODEL).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise _wrong(folder, f"format {content['format']}, where {FORMAT} is read")
        found = thaw(json.dumps(content["predictor"]), get, load)
        golden = thaw((folder / _GOLDEN).read_text(encoding="utf-8"), get, load)
        if isinstance(found, Predictor):
            found = replace(found, preparation=unpack_networks(found.preparation, folder))
    except (FrozenError, ValueError, KeyError, TypeError, OSError) as error:
        if isinstance(error, PredictorError):
            raise
        raise _wrong(folder, f"{error}") from error
    if not isinstance(found, Predictor):
        raise _wrong(folder, f"a {type(found).__name__}")
    if found.preparation.version != MEASURE_VERSION:
        got = f"measuring of version {found.preparation.version}, here is {MEASURE_VERSION}"
        raise _wrong(folder, got)
    _require_golden(found, golden, folder)
    return replace(found, digest=digest)


def _require_manifest(folder: Path, signed_by: Path | None) -> str:
    """Compare every file with its digest."""
    try:
        text = (folder / MANIFEST).read_bytes()
        if signed_by is not None:
            require_signed(folder, text, signed_by)
        listed: dict[str, str] = json.loads(text)
        there = {
            str(path.relative_to(folder))
            for path in folder.rglob("*")
            if path.is_symlink() or not path.is_dir()
        } - {MANIFEST, SIGNATURE}
        if there != set(listed):
            odd = min(there ^ set(listed))
            raise _wrong(folder, f"{odd!r}, {'not listed' if odd in there else 'missing'}")
        for name, digest in listed.items():
            path = folder / name
            if path.is_symlink() or digest_bytes(path.read_bytes()) != digest:
                raise _wrong(folder, f"other bytes in {name!r}")
    except HepacastError:
        raise
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _wrong(folder, f"{type(error).__name__} in the manifest") from error
    return digest_bytes(text)


def _require_golden(found: Predictor, golden: Any, folder: Path) -> None:  # noqa: ANN401 - read
    """Score the golden cases, and compare with what was written."""
    now = found.predict(golden["table"])
    for name in ("score", "probability"):
        gap = np.abs(getattr(now, name) - golden[name]).max()
        if not gap <= GOLDEN_TOLERANCE:
            raise _wrong(folder, f"a {name} of a golden case that is {gap:.2g} off")


def _wrong(folder: Path, got: str) -> PredictorError:
    return PredictorError(
        what="a predictor is read only if it is exactly as it was written",
        got=got,
        fix="Copy it again from where it was made; software of the same version reads it.",
    ).at(predictor=folder.name)


def card(predictor: Predictor) -> str:
    """Write the model card."""
    about, preparation = predictor.about, predictor.preparation
    when = "" if about.at_days is None else f" within {about.at_days:.0f} days"
    needs = [f"- phase {phase}" for phase in preparation.phases]
    needs += [
        f"- clinical variable {name}" + (f" ({one.unit})" if one.unit else "")
        for name, one in preparation.fields.items()
    ]
    lines = [
        f"# {about.name}",
        "",
        f"**{about.intended_use}**",
        "",
        f"Gives the probability of {about.outcome}{when}, by the model {about.model!r}.",
        f"Learned from {about.patients} patients with {about.events} events.",
        about.performance,
        "",
        "## Needs",
        "",
        *needs,
        "",
        "## Limits",
        "",
        "Cases outside the range of the training patients are named as such. The probability is",
        "that of patients like those of the study; another centre must validate it first",
        "(`hepacast validate`). The patients that it learned from are not part of it, so it cannot",
        "tell whether it has seen one.",
        "",
        "## Made with",
        "",
        *(f"- {name} {number}" for name, number in about.software.items()),
        "",
    ]
    return "\n".join(lines)
