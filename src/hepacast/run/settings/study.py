# SPDX-License-Identifier: Apache-2.0
"""The study file: one closed, typed YAML that says everything a run depends on."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    BeforeValidator,
    NonNegativeFloat,
    ValidationError,
    model_validator,
)
from pydantic import Field as Setting

from hepacast.core.errors import StudyError
from hepacast.core.params import Params
from hepacast.core.registry import kind_of
from hepacast.models import MODELS
from hepacast.radiomics import ExtractParams
from hepacast.radiomics.delta import DeltaParams
from hepacast.run.parts.deep_score import SCORE_MODELS
from hepacast.run.parts.deep_settings import CropsParams, EmbeddingParams, check_pictures
from hepacast.run.parts.reread import RereadParams
from hepacast.run.parts.semantic_settings import SemanticBlockParams
from hepacast.run.settings.case import CasesParams, RegionParams
from hepacast.run.settings.clinical_use import ReadersParams, RiskOfParams, StrataParams
from hepacast.run.settings.control import ControlsParams, PublishedParams
from hepacast.run.settings.deploy import DeployParams
from hepacast.run.settings.split import SplitParams
from hepacast.run.settings.yaml12 import load_yaml
from hepacast.select import STEPS
from hepacast.table.outcomes import OutcomeParams
from hepacast.table.scores import SCORES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    StepBlock = Params
    ModelBlock = Params
    ScoreModelBlock = Params
    ComparatorBlock = Params
else:
    _step = BeforeValidator(STEPS.spell_out, json_schema_input_type=STEPS.spellings())
    _model = BeforeValidator(MODELS.spell_out, json_schema_input_type=MODELS.spellings())
    StepBlock = Annotated[STEPS.union(), _step]
    ModelBlock = Annotated[MODELS.union(), _model]
    _any = BeforeValidator(SCORE_MODELS.spell_out, json_schema_input_type=SCORE_MODELS.spellings())
    ScoreModelBlock = Annotated[SCORE_MODELS.union(), _any]
    _score = BeforeValidator(SCORES.spell_out, json_schema_input_type=SCORES.spellings())
    ComparatorBlock = Annotated[SCORES.union(), _score]

All = Literal["all"]
VOLUME_ONLY, CLINICAL_ONLY = "volume-only", "clinical-only"
"""Names of the baselines that every study is held against; nothing else may be called so."""


class AboutParams(Params):
    """What the study is; printed, never computed with."""

    name: str = Setting(pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*")
    """Short name, used for files."""
    title: str = ""
    """Headline of the report."""
    design: str = "retrospective"
    """``retrospective``, ``prospective`` ..."""
    synthetic: bool = False
    """True for a phantom cohort; the report says so loudly."""
    declared: dict[str, str] = Setting(default_factory=dict)
    """Facts that only a human knows (ethics, registration, funding), for the checklists."""


class ClinicalParams(Params):
    """The clinical table and its dictionary."""

    table: str
    """Path of the table, relative to the study file."""
    dictionary: str
    """Path of the YAML file that describes the columns."""
    id: str = "case"
    """Column with the case id."""
    sheet: str | None = None
    """Sheet of a spreadsheet; the first one by default."""
    site: str | None = None
    """Column with the centre, for studies without a case table."""
    use: tuple[str, ...] | None = None
    """Columns that may predict; every variable known at baseline by default."""


class RadiomicsParams(Params):
    """Features measured on the images."""

    engine: Literal["radiomics"] = "radiomics"
    """``radiomics``: measured on the images."""
    params: ExtractParams = ExtractParams()
    """Settings of the extraction."""
    phases: tuple[str, ...] | All = "all"
    """Phases to measure."""
    regions: tuple[str, ...] | All = "all"
    """Regions to measure."""
    delta: tuple[DeltaParams, ...] = ()
    """Changes between two phases, as features beside those of the phases themselves."""
    missing_phase: Literal["exclude", "keep"] = "exclude"
    """A case without one of the phases leaves the study, or stays with missing values."""


class TableFeaturesParams(Params):
    """Features measured elsewhere: one row per case."""

    engine: Literal["table"] = "table"
    """``table``: made elsewhere."""
    table: str
    """Path of the table, relative to the study file."""
    id: str = "case"
    """Column with the case id."""
    drop: tuple[str, ...] = ()
    """Columns that are no features."""


def _engine(block: object) -> object:
    """Let ``{table: ...}`` stand for ``{engine: table, table: ...}``."""
    if isinstance(block, dict) and "engine" not in block:
        return {"engine": "table" if "table" in block else "radiomics", **block}
    return block


MeasuredParams = RadiomicsParams | EmbeddingParams | CropsParams | SemanticBlockParams
"""Blocks that are measured on images."""

FeatureParams = Annotated[
    Annotated[MeasuredParams | TableFeaturesParams, Setting(discriminator="engine")],
    BeforeValidator(_engine),
]


class ScoreParams(Params):
    """One score: columns, steps that choose among them, and the model that weighs them.

    Every step is fitted again inside every resample.
    """

    from_: tuple[str, ...] = Setting(alias="from", min_length=1)
    """Sources of the columns: feature blocks, or ``clinical``."""
    steps: tuple[StepBlock, ...] = ()
    """Steps in order."""
    model: ScoreModelBlock
    """What turns the columns that are left, or pictures, into one number."""


class ModelsParams(Params):
    """Which scores go together, and how."""

    sets: dict[str, tuple[str, ...]] = Setting(min_length=1)
    """Scores of every model."""
    fit: ModelBlock = Setting(default_factory=lambda: MODELS.parse("stack"))
    """What combines the scores; learned on scores that were themselves out of fold."""
    algorithms: tuple[ModelBlock, ...] = ()
    """Instead of ``fit``: every set is weighed by each of these, a model for every pair."""
    comparators: tuple[ComparatorBlock, ...] = ()
    """Published clinical scores to be held against, by name or with their columns:
    ``[albi, {fib-4: {age: Alter}}]``."""
    volume: str | None = None
    """Column of the volume-only baseline; the first volume among the features by default."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models: every set, or every set with every algorithm."""
        if not self.algorithms:
            return tuple(self.sets)
        return tuple(f"{name} {kind_of(one)}" for name in self.sets for one in self.algorithms)


class EvaluateParams(Params):
    """What is computed from the out-of-fold predictions."""

    thresholds: tuple[NonNegativeFloat, NonNegativeFloat] = (0.05, 0.80)
    """First and last threshold of the decision curves."""
    risk_groups: Literal["median"] = "median"
    """Cut between low and high risk, learned in the training part of every fold."""


class Study(Params):
    """Everything a run depends on."""

    schema_: Literal[1] = Setting(alias="schema")
    """Version of this grammar."""
    protocol: Literal["strict", "as-published"] = "strict"
    """``strict``: everything that learns, learns inside the resampling. ``as-published``: the
    usual order of papers is run, too, and shown beside the strict result as optimistic."""
    study: AboutParams
    cases: CasesParams | None = None
    clinical: ClinicalParams
    outcomes: dict[str, OutcomeParams] = Setting(min_length=1)
    regions: dict[str, RegionParams] = Setting(default_factory=dict)
    features: dict[str, FeatureParams] = Setting(default_factory=dict)
    reliability: RereadParams | None = None
    scores: dict[str, ScoreParams] = Setting(min_length=1)
    models: ModelsParams
    split: SplitParams = SplitParams()
    evaluate: EvaluateParams = EvaluateParams()
    controls: ControlsParams = ControlsParams()
    published: PublishedParams = PublishedParams()
    readers: ReadersParams | None = None
    """Readers who forecast without and with a model."""
    strata: StrataParams | None = None
    """Classes of predicted risk, and whom a treatment helps."""
    deploy: DeployParams | None = None
    """Write this model as a folder that predicts for new patients."""

    @model_validator(mode="after")
    def _names_resolve(self) -> Study:
        """Check that everything named is defined, under a name that can be told apart."""
        _own_names("features", self.features, ("clinical", VOLUME_ONLY))
        _own_names("regions", self.regions)
        _own_names("scores", self.scores, (VOLUME_ONLY, CLINICAL_ONLY))
        _own_names("models.sets", self.models.sets, (VOLUME_ONLY, CLINICAL_ONLY))
        measured = {n: f for n, f in self.features.items() if isinstance(f, MeasuredParams)}
        if measured and (self.cases is None or not self.regions):
            msg = "radiomics needs images and regions: give cases and regions"
            raise ValueError(msg)
        masks = self.cases.masks if self.cases else {}
        earlier: list[str] = []
        for name, region in self.regions.items():
            _known(f"regions.{name}", "mask", [region.mask], masks)
            others = [region.from_, region.minus, region.inside]
            _known(f"regions.{name}", "region defined above it", others, earlier)
            earlier.append(name)
        for name, block in measured.items():
            if block.regions != "all":
                _known(f"features.{name}", "region", block.regions, self.regions)
            if isinstance(block, EmbeddingParams):
                _known(f"features.{name}", "region", [block.around], self.regions)
        for name, score in self.scores.items():
            _known(f"scores.{name}", "source", score.from_, [*self.features, "clinical"])
        for name, members in self.models.sets.items():
            _known(f"models.sets.{name}", "score", members, self.scores)
        check_pictures(self.scores, self.features)
        self._require_rereading(measured)
        _require_distinct(self.models)
        self._require_shown()
        return self

    def _require_shown(self) -> None:
        """Ask for outcomes and models that the study has."""
        wanted: dict[str, ReadersParams | RiskOfParams | None] = {"readers": self.readers}
        if self.strata is not None:
            wanted |= {"strata.early": self.strata.early, "strata.survival": self.strata.survival}
        for place, one in wanted.items():
            if one is not None:
                _known(place, "outcome", [one.outcome], self.outcomes)
                _known(place, "model", [one.model], self.models.names)

    def _require_rereading(self, measured: dict[str, MeasuredParams]) -> None:
        """Ask for somewhere that second readings can come from."""
        if self.reliability is None:
            return
        made = [name for name in self.features if name not in measured]
        _known("reliability.tables", "feature table", self.reliability.tables, made)
        imaged = measured and self.cases is not None and self.cases.reader is not None
        if not imaged and not self.reliability.tables:
            msg = "reliability needs cases.reader, or tables of second readings"
            raise ValueError(msg)


def _own_names(place: str, names: Iterable[str], taken: tuple[str, ...] = ()) -> None:
    """Refuse names that cannot be a token of a feature's name, or that mean something else."""
    for name in names:
        if name in taken:
            msg = f"{place}: the name {name!r} is taken; choose another"
            raise ValueError(msg)
        if not name or "/" in name or name != name.strip():
            msg = f"{place}: the name {name!r} must have no '/' and no blanks around it"
            raise ValueError(msg)


def _require_distinct(models: ModelsParams) -> None:
    """Refuse an algorithm or a comparator that is listed twice, or named as something else."""
    for place, blocks in (("algorithms", models.algorithms), ("comparators", models.comparators)):
        kinds = [kind_of(block) for block in blocks]
        if twice := [kind for kind in kinds if kinds.count(kind) > 1]:
            msg = f"models.{place}: {twice[0]!r} is listed twice"
            raise ValueError(msg)
    _own_names("models.sets", models.sets, tuple(map(kind_of, models.comparators)))


def _known(place: str, kind: str, wanted: object, there: object) -> None:
    """Refuse a name that is not defined, offering the nearest one."""
    names = list(there)  # type: ignore[call-overload]
    for name in wanted:  # type: ignore[attr-defined]
        if name is not None and name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            msg = f"{place}: no {kind} {name!r} (there are: {', '.join(names) or 'none'}){hint}"
            raise ValueError(msg)


def parse_study(text: str, *, source: str = "study.yaml") -> Study:
    """Turn the text of a study file into a checked study.

    Parameters
    ----------
    text : str
        YAML of version 1.2.
    source : str
        Name of the file, for messages.

    Raises
    ------
    StudyError
        Naming the first setting that is wrong, and how many more there are.
    """
    content = load_yaml(text, source=source)
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise _explain(error, content).at(file=source) from None


def read_study(path: Path) -> Study:
    """Read a study file.

    Parameters
    ----------
    path : Path
        The study file.

    Raises
    ------
    StudyError
        If the file cannot be read, or is not a study.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(
            what="the study file must be readable UTF-8 text",
            got=str(error),
            fix="Check the path; `hepacast init DIR` writes a commented one.",
        ).at(file=path) from error
    return parse_study(text, source=str(path))


def _explain(error: ValidationError, content: object) -> StudyError:
    """Say in one line what pydantic found."""
    problems = error.errors(include_url=False)
    first = problems[0]
    place = ".".join(str(part) for part in first["loc"]) or "the file"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        return StudyError(
            what=f"the study file has no setting {place}",
            got=f"{first['input']!r}"[:120] + more,
            fix="Check the spelling; `hepacast schema` prints every setting.",
        )
    # What is wrong between blocks is named by the message; the whole file would only hide it.
    got = (
        f"{first['input']!r}"[:120]
        if first["loc"] or not isinstance(content, dict)
        else "the file as it is"
    )
    return StudyError(
        what=f"{place}: {first['msg'].removeprefix('Value error, ')}",
        got=got + more,
        fix="Mend this setting; case ids and levels are text: write them in quotes.",
    )
