"""What the report says of networks, and what of them cannot be handed on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hepacast.core.errors import StudyError
from hepacast.run.content.methods import _features, _models
from hepacast.run.predictor.deploy import require_deployable
from hepacast.run.recipes import Size, study_text
from hepacast.run.settings.deploy import DeployParams
from hepacast.run.settings.study import parse_study


def materials(name: str) -> Any:
    study = parse_study(study_text(name, Size()))
    measured = {key: block for key, block in study.features.items() if block.engine != "table"}
    clinical = SimpleNamespace(variables={})
    return SimpleNamespace(
        study=study, measured=measured, tables={}, predictors=(), clinical=clinical
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cemri-resection", "Pictures (mri) for networks were slices of 256 voxels a side"),
        ("cect-ablation", "frozen network (resnet-3d, random weights)"),
        ("cect-dsfr", "from the masks of 60 development patients, who left the study"),
    ],
)
def test_the_methods_tell_networks_from_radiomics(name: str, said: str) -> None:
    found = materials(name)
    text = _features(found)
    assert said in text
    radiomic = [key for key, block in found.measured.items() if block.engine == "radiomics"]
    assert text.count("Radiomic features (") == len(radiomic)


def test_the_methods_say_that_a_network_learned_in_every_fold() -> None:
    text = _models(materials("cemri-resection"))
    assert "by network (resnet-2d, trained anew in the training part of every fold)" in text


@pytest.mark.parametrize(
    ("name", "model"),
    [("cemri-resection", "DLRCR"), ("cect-progression", "Model CSD"), ("cect-dsfr", "DSFR")],
)
def test_a_network_that_learned_here_is_not_handed_on(name: str, model: str) -> None:
    with pytest.raises(StudyError, match="no network that learned from this study"):
        require_deployable(DeployParams(model=model), materials(name))


def test_frozen_vectors_can_be_handed_on() -> None:
    require_deployable(DeployParams(model="DLRR"), materials("cect-ablation"))
