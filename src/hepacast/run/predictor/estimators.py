# SPDX-License-Identifier: Apache-2.0
"""Estimators of other packages as bytes that cannot run code: skops, or their own text form."""

from __future__ import annotations

from typing import Any

from hepacast.core.errors import StudyError
from hepacast.run.work.freeze import FrozenError, Part

TRUSTED = frozenset(
    {
        "numpy.dtype",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.naive_bayes.GaussianNB",
        "sklearn.neighbors._classification.KNeighborsClassifier",
        "sklearn.neighbors._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neural_network._multilayer_perceptron.MLPClassifier",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._label.LabelBinarizer",
        "sklearn.svm._classes.SVC",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._tree.Tree",
    }
)
"""Types that a stored estimator may hold; anything else is refused before it is made."""


def dump(value: object) -> Part | None:
    """Write an estimator; None if it is none that is known.

    Raises
    ------
    StudyError
        Without the package skops.
    """
    package = type(value).__module__.partition(".")[0]
    if package == "xgboost":
        booster: Any = value if type(value).__name__ == "Booster" else value.get_booster()  # type: ignore[attr-defined]
        return Part("xgboost", bytes(booster.save_raw("json")))
    if package == "lightgbm":
        light: Any = value if type(value).__name__ == "Booster" else value.booster_  # type: ignore[attr-defined]
        return Part("lightgbm", light.model_to_string().encode())
    if package == "sklearn":
        return Part("skops", _skops().dumps(value))
    return None


def load(part: Part) -> Any:  # noqa: ANN401 - an estimator
    """Read an estimator back.

    Raises
    ------
    FrozenError
        If the bytes hold a type that is not on the list, or are damaged.
    """
    if part.form == "xgboost":
        import xgboost  # noqa: PLC0415 - an extra

        return xgboost.Booster(model_file=bytearray(part.data))
    if part.form == "lightgbm":
        import lightgbm  # noqa: PLC0415 - an extra

        return lightgbm.Booster(model_str=part.data.decode())
    if part.form != "skops":
        raise _refused(part.form)
    skops = _skops()
    # A damaged or hostile archive may raise anything.
    try:
        strangers = set(skops.get_untrusted_types(data=part.data)) - TRUSTED
    except Exception as error:
        raise _refused(type(error).__name__) from error
    if strangers:
        raise _refused(", ".join(sorted(strangers)))
    try:
        return skops.loads(part.data, trusted=sorted(TRUSTED))
    except Exception as error:
        raise _refused(type(error).__name__) from error


def _refused(got: str) -> FrozenError:
    return FrozenError(
        what="a stored estimator holds only types that are known to be harmless",
        got=got,
        fix="Take the predictor from where it was made; this one cannot be trusted.",
    )


def _skops() -> Any:  # noqa: ANN401 - a module
    """Import the package that reads estimators without running code."""
    try:
        import skops.io  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise StudyError(
            what="estimators of scikit-learn are kept by the package skops",
            got=str(error),
            fix="Run: pip install 'hepacast[serve]'.",
        ) from error
    return skops.io
