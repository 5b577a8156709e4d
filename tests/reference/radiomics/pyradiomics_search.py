# SPDX-License-Identifier: Apache-2.0
"""Random images, regions and parameter files, and what PyRadiomics makes of them.

Imported by the test, which draws the cases and writes them to a folder; run as
a script by the Python of an environment with PyRadiomics 3.0.1 (LBP needs
scikit-image and trimesh there too), which writes the values beside them::

    python pyradiomics_search.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("int16", "uint8", "uint16", "int32", "float32", "float64")
INTERPOLATORS = (
    "sitkBSpline", "sitkLinear", "sitkNearestNeighbor", "sitkGaussian", "sitkLabelGaussian",
    "sitkHammingWindowedSinc", "sitkLanczosWindowedSinc", "sitkBlackmanWindowedSinc",
)  # fmt: skip
WAVELETS = (
    "haar", "db2", "db5", "coif1", "coif2", "sym4", "bior1.3", "bior2.2", "bior4.4", "rbio1.5",
    "rbio3.1", "dmey",
)  # fmt: skip
CLASSES = ("firstorder", "shape", "shape2D", "glcm", "glrlm", "glszm", "gldm", "ngtdm")


class Draw:
    """Random choices of one case."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def one(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def some(self, choices: tuple[Any, ...], share: float) -> list[Any]:
        return [c for c in choices if self.chance(share)]

    def number(self, low: float, high: float) -> float:
        return round(float(self.rng.uniform(low, high)), 3)

    def whole(self, low: int, high: int) -> int:
        """Low and high included."""
        return int(self.rng.integers(low, high + 1))


def image(draw: Draw) -> np.ndarray:
    """Structure of some scale and noise, in any pixel type, often below zero."""
    shape = tuple(draw.whole(6, 17) for _ in range(3))
    grid = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    scale, height = draw.number(0.7, 3), draw.one(2.0, 30.0, 120.0, 800.0)
    data = height * np.sin(grid[0] / scale) * np.cos(grid[1] / (scale + 0.5))
    data += 0.5 * height * np.sin(grid[2] / scale + draw.number(0, 3))
    data += draw.number(0.05, 1) * height * draw.rng.normal(size=shape)
    data += draw.one(0.0, 0.0, -300.0, 40.0, 1000.0)
    if draw.chance(0.1):
        data = np.round(data / height) * height
    kind = np.dtype(draw.one(*KINDS))
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        data = np.clip(np.round(data), limits.min, limits.max)
    made: np.ndarray = data.astype(kind)
    return made


def mask(draw: Draw, shape: tuple[int, ...]) -> tuple[np.ndarray, int]:
    """Blobs, slabs, lines, scattered voxels, beside another label."""
    grid = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    centre = [draw.number(0.25 * n, 0.75 * n) for n in shape]
    radius = [max(1.2, draw.number(0.15, 0.55) * n) for n in shape]
    away: np.ndarray = sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radius, strict=True))  # type: ignore[assignment]
    inside: np.ndarray = away + draw.number(0, 0.6) * draw.rng.normal(size=shape) < 1
    style = draw.one("blob", "blob", "blob", "blob", "slab", "scattered", "tiny", "whole")
    if style == "slab":
        axis = draw.whole(0, 2)
        inside &= grid[axis] == round(centre[axis])
    elif style == "scattered":
        inside &= draw.rng.random(shape) < 0.3
    elif style == "tiny":
        inside &= sum(np.abs(g - round(c)) for g, c in zip(grid, centre, strict=True)) < 2
    elif style == "whole":
        # PyRadiomics refuses a mask of one label and nothing else.
        inside = grid[0] + grid[1] + grid[2] > 0
    label = draw.one(1, 1, 1, 2, 5, 255)
    labels = np.where(inside, label, 0).astype(np.uint8)
    if draw.chance(0.3):
        labels[(draw.rng.random(shape) < 0.1) & ~inside] = label - 1 if label > 1 else 7
    return labels, label


def image_types(draw: Draw) -> dict[str, dict[str, Any]]:
    """Filters with settings of their own."""
    wavelet = {"wavelet": draw.one(*WAVELETS), "level": draw.one(1, 1, 2), "start_level": 0}
    wavelet["start_level"] = draw.one(0, 0, 1)
    lbp_2d = {"lbp2DRadius": draw.one(1.0, 1.5, 2.0), "lbp2DSamples": draw.one(4, 8, 9, 12)}
    lbp_2d["lbp2DMethod"] = draw.one("default", "ror", "uniform")
    lbp_3d = {
        "lbp3DLevels": draw.one(2, 3),
        "lbp3DIcosphereRadius": draw.one(1.0, 2.0),
        "lbp3DIcosphereSubdivision": draw.one(0, 1),
    }
    every: dict[str, dict[str, Any]] = {
        "Original": {},
        "LoG": {"sigma": [draw.one(0.5, 1, 1.0, 2.5), draw.number(0.8, 4)]},
        "Wavelet": wavelet,
        "Square": {}, "SquareRoot": {}, "Logarithm": {}, "Exponential": {},
        "Gradient": {"gradientUseSpacing": draw.chance(0.5)},
        "LBP2D": {**lbp_2d, "binWidth": 1},
        "LBP3D": {**lbp_3d, "binWidth": draw.one(0.3, 1)},
    }  # fmt: skip
    chosen = draw.some(tuple(every), 0.3) or ["Original"]
    types = {name: every[name] for name in chosen}
    for own in types.values():
        if draw.chance(0.15):
            own |= {"binCount": draw.whole(2, 40)}
        if draw.chance(0.1):
            own |= {"symmetricalGLCM": False}
        if draw.chance(0.1):
            own |= {"voxelArrayShift": draw.one(0, 100)}
    return types


def setting(draw: Draw, label: int, spacing: tuple[float, ...]) -> dict[str, Any]:
    """The section ``setting`` of a parameter file."""
    made: dict[str, Any] = {"label": label, "additionalInfo": False}
    if draw.chance(0.8):
        made |= {"binWidth": draw.one(5, 10, 20, 25, 12.5, 0.7 * 40, 33.3)}
    if draw.chance(0.25):
        made |= {"binCount": draw.whole(2, 64)}
    if draw.chance(0.2):
        made |= {"normalize": True, "normalizeScale": draw.one(1, 100, 57.5)}
        made |= {"removeOutliers": draw.one(1.5, 3)} if draw.chance(0.5) else {}
        made |= {"binWidth": 0.02 * made["normalizeScale"] * draw.one(5, 10, 12)}
    if draw.chance(0.3):
        factors = [draw.one(0, draw.number(0.6, 1.7), 1.0) for _ in range(3)]
        made["resampledPixelSpacing"] = [
            round(f * s, 2) for f, s in zip(factors, spacing[::-1], strict=True)
        ]
        made["interpolator"] = draw.one(*INTERPOLATORS)
    made |= {"padDistance": draw.whole(0, 8)} if draw.chance(0.3) else {}
    made |= {"preCrop": True} if draw.chance(0.2) else {}
    if draw.chance(0.25):
        mode = draw.one("absolute", "relative", "sigma")
        limits = {"absolute": [-50.0, 60.0], "relative": [0.2, 0.9], "sigma": [-1.5, 2.0]}[mode]
        made |= {"resegmentMode": mode, "resegmentRange": limits[: draw.one(1, 2, 2)]}
        made |= {"resegmentShape": draw.chance(0.5)} if draw.chance(0.5) else {}
    return made | texture(draw)


def texture(draw: Draw) -> dict[str, Any]:
    """Settings of texture matrices and of checks."""
    made: dict[str, Any] = {}
    made |= {"distances": draw.one([1, 2], [2], [1, 3], [1, 2, 3])} if draw.chance(0.25) else {}
    if draw.chance(0.3):
        made |= {"force2D": True, "force2Ddimension": draw.whole(0, 2)}
    if draw.chance(0.3):
        made["weightingNorm"] = draw.one("infinity", "euclidean", "manhattan", "no_weighting")
    made |= {"symmetricalGLCM": False} if draw.chance(0.2) else {}
    made |= {"gldm_a": draw.whole(1, 4)} if draw.chance(0.3) else {}
    made |= {"voxelArrayShift": draw.one(1000, -7)} if draw.chance(0.3) else {}
    made |= {"minimumROIDimensions": draw.whole(1, 3)} if draw.chance(0.4) else {}
    made |= {"minimumROISize": draw.one(2, 60)} if draw.chance(0.1) else {}
    return made


def rotation(draw: Draw) -> list[float]:
    """A direction matrix: that of the axes, or turned about one of them."""
    if draw.chance(0.7):
        return [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    c, s = np.cos(0.3), np.sin(0.3)
    return [float(n) for n in (c, -s, 0, s, c, 0, 0, 0, 1)]


def write(folder: Path, seed: int) -> None:
    """Draw one case and write it."""
    draw = Draw(seed)
    data = image(draw)
    labels, label = mask(draw, data.shape)
    spacing = tuple(draw.one(1.0, 0.8, draw.number(0.5, 3)) for _ in range(3))
    content: dict[str, Any] = {
        "setting": setting(draw, label, spacing), "imageType": image_types(draw)
    }  # fmt: skip
    if data.dtype == np.uint8:
        # With a width that is a whole number, edges are eight bits wide in NumPy 2, and overflow.
        content["setting"]["binWidth"] = float(content["setting"].get("binWidth", 25))
        for own in content["imageType"].values():
            own.update({"binWidth": float(own["binWidth"])} if "binWidth" in own else {})
    classes = draw.some(CLASSES, 0.5) if draw.chance(0.4) else list(CLASSES)
    axis = content["setting"].get("force2Ddimension", 0)
    if np.unique(np.nonzero(labels == label)[axis]).size != 1:
        # PyRadiomics refuses everything if asked for the 2D shape of several slices.
        classes = [c for c in classes if c != "shape2D"]
    content["featureClass"] = dict.fromkeys(classes or ["glcm"])
    if draw.chance(0.1):
        names = ["Mean", "StandardDeviation", "Energy", "TotalEnergy"]
        content["featureClass"] = {"firstorder": names, "glcm": ["MCC", "Imc1", "JointAverage"]}
    frame = {
        "spacing": spacing, "direction": rotation(draw),
        "origin": [draw.number(-90, 90) for _ in range(3)],
    }  # fmt: skip
    text = json.dumps({"content": content, "frame": frame})
    np.savez_compressed(folder / f"{seed}.npz", image=data, labels=labels, text=np.array(text))


def read(file: Path) -> tuple[np.ndarray, np.ndarray, dict[str, Any], dict[str, Any]]:
    """Image, labels, parameter file and frame of one case."""
    with np.load(file) as stored:
        both = json.loads(str(stored["text"]))
        return stored["image"], stored["labels"], both["content"], both["frame"]


def itk(data: np.ndarray, frame: dict[str, Any]) -> Any:
    """Wrap an array as a SimpleITK image."""
    import SimpleITK as sitk  # noqa: N813, PLC0415

    made = sitk.GetImageFromArray(data)
    made.SetSpacing(frame["spacing"][::-1])
    made.SetOrigin(frame["origin"])
    made.SetDirection(frame["direction"])
    return made


def main() -> None:
    """Compute the values of every case of a folder; needs PyRadiomics."""
    import logging  # noqa: PLC0415
    import warnings  # noqa: PLC0415

    import radiomics  # noqa: PLC0415
    import SimpleITK as sitk  # noqa: N813, PLC0415
    from radiomics import featureextractor  # noqa: PLC0415

    # On several threads, the last bit of a normalised image moves from run to run.
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    for file in sorted(Path(sys.argv[1]).glob("*.npz")):
        data, labels, content, frame = read(file)
        made: dict[str, Any] = {"version": radiomics.__version__}
        try:
            extractor = featureextractor.RadiomicsFeatureExtractor(content)
            found = extractor.execute(itk(data, frame), itk(labels, frame))
            made["values"] = {name: float(np.real(value)) for name, value in found.items()}
        except Exception as error:
            made["error"] = f"{type(error).__name__}: {error}"
        file.with_suffix(".json").write_text(json.dumps(made))


if __name__ == "__main__":
    main()
