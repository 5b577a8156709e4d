"""Another centre sends back aggregate, signed figures, and nothing about any one patient."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from hepacast.cli.main import main
from hepacast.core.errors import NotEstimableError, StudyError
from hepacast.core.outcome import Binary, CompetingRisks, Survival
from hepacast.report.returned import LEAST, Returned
from hepacast.report.returned_page import print_returned
from hepacast.run import whole
from hepacast.run.predictor.files import read_predictor
from hepacast.run.predictor.predict import predict_case
from hepacast.run.predictor.predictor import About, Predictor
from hepacast.run.predictor.seal import SealError, new_key
from hepacast.run.predictor.validate import Tried, try_predictor
from hepacast.run.predictor.validate_figures import SMALLEST, band_edges, summarise
from hepacast.run.predictor.validate_seal import FIGURES, PAGE, SEAL, seal, verify
from hepacast.run.predictor.validate_write import Trial, write_validation
from hepacast.run.protocol.chain import Prediction
from hepacast.run.work.execution import Execution
from tests.unit.serve.small import STUDY, small_study, write_study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hepacast.core.outcome import Outcome

pytest.importorskip("cryptography")
PATIENTS = 40


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_study(tmp_path_factory) / "out" / "predictor"


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the study of another centre, where one case lacks its image; gives the file."""
    folder = tmp_path_factory.mktemp("away")
    path = write_study(folder, PATIENTS, 11)
    (folder / "5" / "portal.nii.gz").unlink()
    return path


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "centre.key"
    new_key(path)
    return path


@pytest.fixture(scope="module")
def sent(
    predictor: Path, centre: Path, key: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Validate through the command line; gives the folder to send back."""
    out = tmp_path_factory.mktemp("sent") / "out"
    words = ["validate", predictor, centre, "--out", out, "--centre", "Centre <B>", "--key", key]
    assert main([str(word) for word in words]) == 1  # one case has no image
    return out


@pytest.fixture(scope="module")
def rows(predictor: Path, centre: Path) -> dict[str, tuple[float, float, int]]:
    """Score every patient alone; gives score, probability and outcome by case."""
    model, found = read_predictor(predictor), {}
    for line in (centre.parent / "clinical.csv").read_text().splitlines()[1:]:
        case, event, _ = line.split(",")
        folder = centre.parent / str(int(case[-3:]))
        if (folder / "portal.nii.gz").exists():
            result, _ = predict_case(model, folder, case=case)
            found[case] = (result.score, result.probability, int(event))
    return found


def leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        for one in tree.values():
            yield from leaves(one)
    elif isinstance(tree, list):
        for one in tree:
            yield from leaves(one)
    else:
        yield tree


def test_the_figures_are_those_of_the_patients_scored_one_by_one(
    sent: Path, rows: dict[str, tuple[float, float, int]]
) -> None:
    told = Returned.model_validate_json((sent / FIGURES).read_bytes())
    score, risk, event = map(np.array, zip(*rows.values(), strict=True))
    assert (told.n, told.events) == (PATIENTS - 1, event.sum())
    assert told.not_scored is None
    assert told.discrimination.value == pytest.approx(roc_auc_score(event, score), abs=5e-4)
    assert told.brier == pytest.approx(np.mean((risk - event) ** 2), abs=5e-4)
    assert told.observed_expected is not None
    assert told.observed_expected.value == pytest.approx(event.sum() / risk.sum(), abs=5e-4)
    for point, benefit in zip(told.roc, told.decision, strict=True):
        positive = risk >= point.threshold
        assert point.sensitivity == pytest.approx(positive[event == 1].mean(), abs=5e-4)
        odds = benefit.threshold / (1 - benefit.threshold)
        net = (positive & (event == 1)).mean() - odds * (positive & (event == 0)).mean()
        assert benefit.model == pytest.approx(net, abs=5e-4)
    assert sum(band.n for band in told.bands) == told.n


def test_no_patient_is_in_what_is_sent(
    sent: Path, centre: Path, rows: dict[str, tuple[float, float, int]]
) -> None:
    assert {path.name for path in sent.iterdir()} == {FIGURES, PAGE, SEAL}
    everything = b"".join(path.read_bytes() for path in sent.iterdir())
    assert b"ZHANG" not in everything
    assert str(centre.parent).encode() not in everything
    numbers = set(leaves(json.loads((sent / FIGURES).read_text())))
    for score, risk, _ in rows.values():
        assert not {score, risk} & numbers
        assert repr(score)[:8].encode() not in everything
        assert repr(risk)[:8].encode() not in everything
    for one in numbers:
        assert not isinstance(one, float) or one == round(one, 3)


def test_the_page_shows_the_figures_and_escapes_the_centre(sent: Path) -> None:
    page = (sent / PAGE).read_text()
    assert "Centre &lt;B&gt;" in page
    assert "<script" not in page
    assert page.count("<svg") == 3
    assert "fewer than 5" in page


def test_what_is_sent_is_verified_and_every_change_is_noticed(
    sent: Path, key: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    public = key.with_name(f"{key.name}.pub")
    assert main(["validate", "--verify", str(sent), "--key", str(public)]) == 0
    assert "by the key given" in capfd.readouterr().out
    assert key.stat().st_mode & 0o077 == 0
    for name in (FIGURES, PAGE, SEAL):
        copy = shutil.copytree(sent, tmp_path / name)
        data = bytearray((copy / name).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / name).write_bytes(data)
        with pytest.raises(SealError):
            verify(copy)
        (copy / name).unlink()
        with pytest.raises(SealError):
            verify(copy)


def test_a_signature_by_another_key_is_refused(sent: Path, key: Path, tmp_path: Path) -> None:
    other = new_key(tmp_path / "other.key")
    with pytest.raises(SealError, match="another key"):
        verify(sent, other)
    copy = shutil.copytree(sent, tmp_path / "copy")
    seal(copy, tmp_path / "other.key")
    assert verify(copy, other)
    with pytest.raises(SealError, match="another key"):
        verify(copy, key.with_name(f"{key.name}.pub"))
    with pytest.raises(StudyError, match="new file"):
        new_key(tmp_path / "other.key")
    with pytest.raises(StudyError, match="PEM"):
        seal(copy, other)


def test_a_folder_with_other_files_is_not_written_to(
    predictor: Path, centre: Path, key: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "patients.csv").write_text("")
    words = ["validate", predictor, centre, "--out", tmp_path, "--centre", "B", "--key", key]
    assert main([str(word) for word in words]) == 2
    assert "nothing else" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("fields.yaml", "unit: ng/mL", "unit: ug/L"), "given in ng/mL"),
        (("fields.yaml", "afp: {kind: number, unit: ng/mL, timing: baseline}", ""), "'afp'"),
        (("study.yaml", "outcomes: {er:", "outcomes: {late:"), "none called 'er'"),
    ],
)
def test_what_does_not_fit_the_predictor_is_refused(
    change: tuple[str, str, str], said: str, predictor: Path, centre: Path, tmp_path: Path
) -> None:
    name, old, new = change
    folder = tmp_path / "study"
    folder.mkdir()
    for path in centre.parent.glob("*.*"):
        text = path.read_text()
        if path.name == name:
            text = text.replace(old.strip(), new.strip())
        (folder / path.name).write_text(text)
    with Execution(1).open() as executor, pytest.raises(StudyError, match=said):
        try_predictor(read_predictor(predictor), folder / "study.yaml", tmp_path, executor)


def test_a_predictor_of_clinical_variables_asks_for_no_images(
    key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\n".join(
        line
        for line in STUDY.splitlines()
        if not line.startswith(("cases:", "regions:", "features:", "  rad:"))
    ).replace("both", "cli").replace("[rad, cli]", "[cli]")  # fmt: skip
    for place, patients, seed in ((tmp_path / "a", 40, 1), (tmp_path / "b", 60, 2)):
        write_study(place, patients, seed).write_text(text)
        for image in place.glob("*/*.nii.gz"):
            image.unlink()
    monkeypatch.setattr(whole, "write_report", lambda _content, out, **_options: out / "r")
    whole.run_study(tmp_path / "a" / "study.yaml", tmp_path / "out", execution=Execution(1))
    trial = Trial(tmp_path / "out" / "predictor", tmp_path / "b" / "study.yaml", "B")
    told = write_validation(trial, key, tmp_path / "sent")
    assert (told.n, told.not_scored, told.model) == (60, 0, "cli")


def made_up(outcome: Outcome, risk: np.ndarray, at_days: float | None, few: int = 0) -> Tried:
    """Pretend that a predictor said something; nothing but its name is looked at."""
    about = About("made-up", "Made up", "end", "model", at_days, 9, 9, software={})
    cases = tuple(f"c{at}" for at in range(len(outcome)))
    found = Prediction(cases, risk - 0.5, risk, risk > np.median(risk))
    model = Predictor(about, None, None, None, "d" * 64)  # type: ignore[arg-type]
    return Tried(model, outcome, found, few, few, few)


def draw(kind: str, n: int, seed: int) -> Tried:
    rng = np.random.default_rng(seed)
    risk = rng.beta(2, 3, n)
    if kind == "binary":
        return made_up(Binary(rng.uniform(size=n) < risk), risk, None)
    time = rng.exponential(-400 / np.log1p(-risk))
    seen = time < (end := rng.uniform(200, 2500, n))
    days = np.minimum(time, end)
    if kind == "survival":
        return made_up(Survival(days, seen), risk, 400.0)
    cause = np.where(seen, 1 + (rng.uniform(size=n) < 0.2), 0)
    return made_up(CompetingRisks(days, cause), risk, 400.0)


@pytest.mark.parametrize("kind", ["binary", "survival", "competing"])
@pytest.mark.parametrize("seed", range(4))
def test_no_count_and_no_difference_of_counts_is_about_fewer_than_five(
    kind: str, seed: int
) -> None:
    told = summarise(draw(kind, 40 + 60 * seed, seed), "B", "2026-01-01")
    assert told.bands
    for band in told.bands:
        assert band.events >= LEAST
        assert band.n - band.events >= LEAST
        assert (round(band.low, 2), round(band.high, 2)) == (band.low, band.high)
    assert sum(band.n for band in told.bands) == told.n
    assert sum(band.events for band in told.bands) == told.events
    inner = [band.low for band in told.bands[1:]]
    for curve in (told.decision, told.roc):
        assert [point.threshold for point in curve] in ([], inner)
    for group in told.groups:
        for before, after in zip(group.at_risk, group.at_risk[1:], strict=False):
            assert before == after or before - after >= LEAST
        assert min(group.at_risk, default=LEAST) >= LEAST
    assert Returned.model_validate_json(told.model_dump_json()) == told
    assert print_returned(told).count("<svg") >= 2


def test_the_order_of_patients_leaves_no_trace() -> None:
    tried = draw("survival", 120, 5)
    order = np.random.default_rng(1).permutation(120)
    found = tried.found
    again = Tried(
        tried.predictor,
        tried.outcome.take(order),
        Prediction(
            found.cases, found.score[order], found.probability[order], found.high[order]
        ),
        0, 0, 0,
    )  # fmt: skip
    assert summarise(tried, "B", "x") == summarise(again, "B", "x")


def test_small_counts_are_not_told_and_small_cohorts_not_at_all() -> None:
    rng = np.random.default_rng(2)
    risk = rng.uniform(size=60)
    tried = made_up(Binary(rng.uniform(size=60) < risk), risk, None, few=4)
    told = summarise(tried, "B", "x")
    assert (told.not_scored, told.without_outcome, told.outside) == (None, None, None)
    with pytest.raises(NotEstimableError, match="leave a centre"):
        summarise(draw("binary", SMALLEST - 1, 1), "B", "x")
    with pytest.raises(NotEstimableError, match="leave a centre"):
        summarise(made_up(Binary(np.arange(60) < 4), risk, None), "B", "x")


def test_one_small_risk_group_hides_both() -> None:
    tried = draw("survival", 100, 3)
    high = np.zeros(100, dtype=bool)
    high[:3] = True
    found = Prediction(tried.found.cases, tried.found.score, tried.found.probability, high)
    told = summarise(Tried(tried.predictor, tried.outcome, found, 0, 0, 0), "B", "x")
    assert [group.n for group in told.groups] == [None, None]


def test_bands_are_as_narrow_as_they_may_be() -> None:
    risk = np.repeat(np.arange(10) / 10 + 0.05, 10)
    edges = band_edges(risk, np.arange(100) % 2 == 0)
    assert edges.tolist() == pytest.approx([0, *(np.arange(1, 10) / 10 - 0.04), 1])
