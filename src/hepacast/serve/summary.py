# SPDX-License-Identifier: Apache-2.0
"""One picture with what a predictor says, for viewers that show nothing else."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hepacast.run.predictor.result import Result

_SIZE_INCHES, _DPI = (10.24, 7.68), 100
_BACK, _INK, _WARN = "#10151c", "#e8edf2", "#ffb454"


def draw_summary(result: Result, picture: bytes | None) -> np.ndarray:
    """Draw forecast, volumes and outlines; the case id is the only name on it.

    Parameters
    ----------
    result : Result
        What to say.
    picture : bytes or None
        PNG with the regions outlined.

    Returns
    -------
    (768, 1024, 3) uint8
        Red, green, blue.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - loads slowly
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.image import imread  # noqa: PLC0415

    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, facecolor=_BACK)
    canvas = FigureCanvasAgg(figure)
    figure.text(
        0.03, 0.94, "RESEARCH ONLY - NOT FOR DIAGNOSIS", color=_WARN, size=19, weight="bold"
    )
    at = 0.87
    for line, size in _lines(result):
        figure.text(0.03, at, line, color=_INK, size=size)
        at -= 0.0025 * size + 0.006
    if picture is not None:
        axes = figure.add_axes((0.03, 0.05, 0.94, max(at - 0.06, 0.2)))
        axes.imshow(imread(io.BytesIO(picture), format="png"))
        axes.set_axis_off()
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return drawn[..., :3].copy()


def _lines(result: Result) -> list[tuple[str, int]]:
    """Say it in lines of a size; what would leave the picture is cut."""
    when = "" if result.at_days is None else f" within {result.at_days:.0f} days"
    volumes = [f"{name} {ml:.1f} mL" for name, ml in result.volumes_ml.items()]
    lines = [
        (f"{result.outcome}{when}: probability {result.probability:.1%}", 18),
        (f"{'HIGH' if result.high else 'LOW'} risk group, score {result.score:.4g}", 16),
        (f"Model {result.predictor}, digest {result.digest[:16]}", 11),
    ]
    lines += [(", ".join(volumes[n : n + 3]), 11) for n in range(0, min(len(volumes), 9), 3)]
    if result.outside:
        count = len(result.outside)
        lines.append((f"Outside the range of the training patients: {count} feature(s)", 12))
    return [(line[: 1500 // size], size) for line, size in lines]
