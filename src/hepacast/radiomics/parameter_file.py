# SPDX-License-Identifier: Apache-2.0
"""Parameter files of PyRadiomics, read as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hepacast.core.errors import StudyError
from hepacast.radiomics.families import FAMILIES
from hepacast.radiomics.params import ExtractParams

if TYPE_CHECKING:
    from collections.abc import Mapping

IMAGE_TYPES = {
    "Original": "original",
    "LoG": "log",
    "Wavelet": "wavelet",
    "Square": "square",
    "SquareRoot": "squareroot",
    "Logarithm": "logarithm",
    "Exponential": "exponential",
    "Gradient": "gradient",
    "LBP2D": "lbp-2D",
    "LBP3D": "lbp-3D",
}
"""Filter of every image type of PyRadiomics."""

_TEXTURE = {
    "distances": "distances",
    "symmetricalGLCM": "symmetric",
    "weightingNorm": "weighting",
    "gldm_a": "alpha",
    "force2D": "flat",
    "force2Ddimension": "flat_axis",
}
_FILTER = {
    "sigma": "sigma_mm",
    "wavelet": "wavelet",
    "level": "levels",
    "start_level": "start_level",
    "gradientUseSpacing": "use_spacing",
    "lbp2DRadius": "radius",
    "lbp2DSamples": "samples",
    "lbp2DMethod": "method",
    "lbp3DLevels": "levels",
    "lbp3DIcosphereRadius": "radius",
    "lbp3DIcosphereSubdivision": "subdivision",
}
_FILTER_OF = {
    "sigma": "log",
    "wavelet": "wavelet",
    "level": "wavelet",
    "start_level": "wavelet",
    "gradientUseSpacing": "gradient",
    "lbp2DRadius": "lbp-2D",
    "lbp2DSamples": "lbp-2D",
    "lbp2DMethod": "lbp-2D",
    "lbp3DLevels": "lbp-3D",
    "lbp3DIcosphereRadius": "lbp-3D",
    "lbp3DIcosphereSubdivision": "lbp-3D",
}
_OTHER = frozenset(
    "binWidth binCount normalize normalizeScale removeOutliers resampledPixelSpacing interpolator "
    "padDistance preCrop resegmentRange resegmentMode resegmentShape minimumROIDimensions "
    "minimumROISize voxelArrayShift".split()
)
AT_THE_DOOR = frozenset(
    "label label_channel correctMask geometryTolerance additionalInfo enableCExtensions "
    "verbose".split()
)
"""Settings that concern reading the files; ``hepacast extract`` obeys them."""
_KNOWN = _OTHER | AT_THE_DOOR | frozenset(_TEXTURE) | frozenset(_FILTER)


def from_pyradiomics(content: Mapping[str, Any] | None) -> ExtractParams:
    """Read the content of a PyRadiomics parameter file (YAML or JSON).

    Parameters
    ----------
    content : mapping
        With ``imageType``, ``featureClass`` and ``setting``, each optional.

    Returns
    -------
    params : ExtractParams
        With ``definitions: pyradiomics``.

    Raises
    ------
    StudyError
        If the file has a key that PyRadiomics does not have.

    Examples
    --------
    >>> params = from_pyradiomics({"imageType": {"LoG": {"sigma": [2.0], "binWidth": 5}}})
    >>> params.filters[0].sigma_mm, params.filters[0].bins.width, params.bins.width
    ((2.0,), 5.0, 25.0)
    """
    content = content or {}
    _refuse(set(content) - {"imageType", "featureClass", "setting", "voxelSetting"}, "a section")
    setting = dict(content.get("setting") or {})
    _refuse(set(setting) - _KNOWN, "a setting")
    types = content.get("imageType") or {"Original": {}}
    classes = content.get("featureClass")
    if classes is None:
        classes = {kind: None for kind in FAMILIES if kind in _CLASSES}
        if "featureClass" in content or not content:
            classes.pop("shape2D", None)
    flat = bool(setting.get("force2D", False))
    return ExtractParams.model_validate(
        {
            "definitions": "pyradiomics",
            "filters": [_image_type(name, own or {}, setting) for name, own in types.items()],
            "families": [
                _feature_class(n, f) for n, f in classes.items() if n != "shape2D" or flat
            ],
            "bins": _bins(setting),
            "texture": _texture(setting),
            "resample": _resample(setting),
            "normalise": _normalise(setting),
            "resegment": _resegment(setting),
            "pre_crop": setting.get("preCrop", False),
            "pad_voxels": setting.get("padDistance", 5),
            "min_dimensions": setting.get("minimumROIDimensions", 2),
            "min_voxels": setting.get("minimumROISize"),
            "shift": setting.get("voxelArrayShift", 0),
        }
    )


_CLASSES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "shape", "shape2D")


def _refuse(unknown: set[str], what: str) -> None:
    """Raise on keys that PyRadiomics does not have."""
    if unknown:
        raise StudyError(
            what=f"a parameter file holds what PyRadiomics knows as {what}",
            got=", ".join(sorted(unknown)),
            fix="Correct the spelling; known settings are " + ", ".join(sorted(_KNOWN)) + ".",
        )


def _bins(setting: Mapping[str, Any]) -> dict[str, Any]:
    return {"width": setting.get("binWidth", 25), "count": setting.get("binCount")}


def _texture(setting: Mapping[str, Any]) -> dict[str, Any]:
    return {ours: setting[theirs] for theirs, ours in _TEXTURE.items() if theirs in setting}


def _image_type(name: str, own: Mapping[str, Any], setting: Mapping[str, Any]) -> dict[str, Any]:
    """Read one image type with its own settings, which go before the general ones."""
    if name not in IMAGE_TYPES:
        _refuse({name}, "an image type")
    _refuse(set(own) - _KNOWN, "a setting")
    kind = IMAGE_TYPES[name]
    both = {**setting, **own}
    block: dict[str, Any] = {"kind": kind}
    for theirs, ours in _FILTER.items():
        if theirs in both and _FILTER_OF[theirs] == kind:
            block[ours] = both[theirs]
    if kind == "log" and "sigma" not in both:
        block["sigma_mm"] = ()
    if {"binWidth", "binCount"} & set(own):
        block["bins"] = _bins(both)
    if set(_TEXTURE) & set(own):
        block["texture"] = _texture(both)
    if "voxelArrayShift" in own:
        block["shift"] = own["voxelArrayShift"]
    return block


def _feature_class(name: str, features: object) -> dict[str, Any]:
    """Read one feature class; no list of names means all that are not deprecated."""
    if name not in _CLASSES:
        _refuse({name}, "a feature class")
    if not features:
        return {"kind": name}
    if not isinstance(features, list):
        _refuse({f"{name}: {features!r}"}, "a list of features")
    known = {f.name for f in FAMILIES[FAMILIES.settings(name)()].features}
    _refuse(set(features) - known, f"a feature of {name}")  # type: ignore[call-overload]
    return {"kind": name, "features": tuple(features)}  # type: ignore[arg-type]


def _resample(setting: Mapping[str, Any]) -> dict[str, Any] | None:
    spacing = setting.get("resampledPixelSpacing")
    interpolator = setting.get("interpolator", "sitkBSpline")
    if spacing is None or interpolator is None:
        return None
    return {"spacing_mm": tuple(spacing)[::-1], "interpolator": _interpolator(interpolator)}


def _interpolator(name: object) -> str:
    """Read the name or number of an ITK interpolator."""
    numbered = {
        1: "nearest",
        2: "linear",
        3: "bspline",
        4: "gaussian",
        5: "label_gaussian",
        6: "hamming_windowed_sinc",
        7: "cosine_windowed_sinc",
        8: "welch_windowed_sinc",
        9: "lanczos_windowed_sinc",
        10: "blackman_windowed_sinc",
    }
    if isinstance(name, int) and name in numbered:
        return numbered[name]
    text = str(name)
    words = "".join(f"_{c.lower()}" if c.isupper() else c for c in text.removeprefix("sitk"))
    spelt = {"b_spline": "bspline", "nearest_neighbor": "nearest"}
    word = words.lstrip("_")
    # PyRadiomics takes any name that it does not know for B-splines.
    return spelt.get(word, word if word in numbered.values() else "bspline")


def _normalise(setting: Mapping[str, Any]) -> dict[str, Any] | None:
    if not setting.get("normalize", False):
        return None
    return {"scale": setting.get("normalizeScale", 1), "outliers": setting.get("removeOutliers")}


def _resegment(setting: Mapping[str, Any]) -> dict[str, Any] | None:
    limits = setting.get("resegmentRange")
    if limits is None:
        return None
    return {
        "range": tuple(limits),
        "mode": setting.get("resegmentMode", "absolute"),
        "shape": setting.get("resegmentShape", False),
    }
