# SPDX-License-Identifier: Apache-2.0
"""Whoever serves a predictor may name who must have signed it; nothing else is read then."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from hepacast.cli.main import main
from hepacast.core.errors import StudyError
from hepacast.run.predictor.files import read_predictor
from hepacast.run.predictor.predictor import PredictorError
from hepacast.run.predictor.predictor_seal import SIGNATURE
from hepacast.run.predictor.seal import SealError, new_key, read_secret, sign
from hepacast.run.predictor.sign import sign_predictor
from hepacast.serve.worker import Worker
from tests.unit.run.predictor.test_predictor import sign as write_manifest
from tests.unit.serve.small import small_study

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    new_key(tmp_path / "maker.key")
    return tmp_path / "maker.key"


@pytest.fixture
def public(key: Path) -> Path:
    return key.with_name("maker.key.pub")


@pytest.fixture
def predictor(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """Copy a predictor, to be signed and damaged."""
    return shutil.copytree(small_study(tmp_path_factory) / "out" / "predictor", tmp_path / "mine")


def test_a_signed_predictor_is_read_with_the_key_of_who_signed_it_and_with_none(
    predictor: Path, key: Path, public: Path
) -> None:
    before = read_predictor(predictor).digest
    sign_predictor(predictor, key)
    assert read_predictor(predictor, signed_by=public).digest == before
    assert read_predictor(predictor).digest == before


def test_one_without_a_signature_is_refused_where_one_is_asked_for(
    predictor: Path, public: Path
) -> None:
    with pytest.raises(SealError, match="none"):
        read_predictor(predictor, signed_by=public)


def test_one_signed_by_somebody_else_is_refused(
    predictor: Path, public: Path, tmp_path: Path
) -> None:
    new_key(tmp_path / "other.key")
    sign_predictor(predictor, tmp_path / "other.key")
    with pytest.raises(SealError, match="one by the key"):
        read_predictor(predictor, signed_by=public)


def test_a_manifest_that_was_written_anew_is_refused(
    predictor: Path, key: Path, public: Path
) -> None:
    sign_predictor(predictor, key)
    signature = (predictor / SIGNATURE).read_bytes()
    (predictor / SIGNATURE).unlink()
    (predictor / "LICENSE").write_text("Mine now.")
    write_manifest(predictor)
    (predictor / SIGNATURE).write_bytes(signature)
    read_predictor(predictor)  # without a key nobody can know
    with pytest.raises(SealError, match="InvalidSignature"):
        read_predictor(predictor, signed_by=public)


def test_any_changed_byte_of_a_signature_is_noticed(
    predictor: Path, key: Path, public: Path
) -> None:
    sign_predictor(predictor, key)
    path = predictor / SIGNATURE
    whole = path.read_bytes()
    said = json.loads(whole)
    for name, value in said.items():
        spoilt = ("1" if value[0] != "1" else "2") + value[1:]
        path.write_text(json.dumps({**said, name: spoilt}))
        with pytest.raises(SealError):
            read_predictor(predictor, signed_by=public)
        path.write_text(json.dumps({one: said[one] for one in said if one != name}))
        with pytest.raises(SealError):
            read_predictor(predictor, signed_by=public)
    for data in (b"", b"[]", b"\xff\xfe", b"[" * 100_000):
        path.write_bytes(data)
        with pytest.raises(SealError):
            read_predictor(predictor, signed_by=public)
    path.write_bytes(whole)
    read_predictor(predictor, signed_by=public)


def test_a_signature_for_another_purpose_is_none(predictor: Path, key: Path, public: Path) -> None:
    manifest = (predictor / "manifest.json").read_bytes()
    said = sign("validation", manifest, read_secret(key))
    (predictor / SIGNATURE).write_text(json.dumps(said))
    with pytest.raises(SealError, match="InvalidSignature"):
        read_predictor(predictor, signed_by=public)


def test_nobody_signs_what_is_damaged(predictor: Path, key: Path) -> None:
    (predictor / "LICENSE").write_text("Mine now.")
    with pytest.raises(PredictorError, match="LICENSE"):
        sign_predictor(predictor, key)
    assert not (predictor / SIGNATURE).exists()


def test_a_signature_is_no_licence_to_change_files(
    predictor: Path, key: Path, public: Path
) -> None:
    sign_predictor(predictor, key)
    (predictor / "docs" / "README.md").write_text("# Another model")
    with pytest.raises(PredictorError, match="other bytes"):
        read_predictor(predictor, signed_by=public)


def test_a_service_does_not_start_with_a_predictor_that_nobody_vouches_for(
    predictor: Path, key: Path, public: Path
) -> None:
    with pytest.raises(SealError):
        Worker(predictor, signed_by=public)
    sign_predictor(predictor, key)
    worker = Worker(predictor, signed_by=public)
    try:
        assert worker.digest
        # What is put there later is not read by the next child either.
        worker.close()
        (predictor / SIGNATURE).unlink()
        with pytest.raises(RuntimeError, match="process of its own"):
            worker._ready()
    finally:
        worker.close()


def test_the_command_line_signs_checks_and_refuses(
    predictor: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    place, key, public = str(predictor), str(tmp_path / "a.key"), str(tmp_path / "a.key.pub")
    case = predictor.parent / "case"
    case.mkdir()
    assert main(["sign", "--new-key", key]) == 0
    assert main(["sign", place, "--check", public]) == 2
    assert main(["predict", place, str(case), str(tmp_path / "out"), "--signed-by", public]) == 2
    assert "signature" in capfd.readouterr().err
    study = predictor.parent / "study.yaml"
    study.write_text("schema: 1")
    to_send = ["--out", str(tmp_path / "send"), "--centre", "B", "--key", key]
    assert main(["validate", place, str(study), *to_send, "--signed-by", public]) == 2
    assert "signature" in capfd.readouterr().err
    assert not (tmp_path / "send").exists()
    assert main(["sign", place, "--key", key]) == 0
    signed = capfd.readouterr().out.split()[-1]
    assert main(["sign", place, "--check", public]) == 0
    assert capfd.readouterr().out.split()[-1] == signed
    assert main(["sign", place]) == 2
    with pytest.raises(StudyError, match="PEM"):
        sign_predictor(predictor, tmp_path / "a.key.pub")
