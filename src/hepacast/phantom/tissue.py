# SPDX-License-Identifier: Apache-2.0
"""How bright each tissue is in each phase.

CT numbers are HU of a triphasic liver protocol (35, 70 and 180 s).  MR values are
a fat-suppressed T1 gradient echo with an extracellular agent, in units in which
the liver has 300 before contrast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PHASES = ("native", "arterial", "portal", "delayed")
SECONDS = {"native": 0, "arterial": 35, "portal": 70, "delayed": 180}
"""Delay after the start of the injection, s."""

# One column per phase, in the order of PHASES.
_CT: dict[str, tuple[float, float, float, float]] = {
    "air": (-1000, -1000, -1000, -1000),
    "fat": (-98, -98, -97, -97),
    "muscle": (52, 56, 62, 63),
    "bone": (230, 238, 245, 242),
    "disc": (80, 82, 86, 86),
    "canal": (25, 25, 28, 28),
    "lung": (-840, -835, -830, -832),
    "bowel": (38, 52, 78, 72),
    "fluid": (12, 12, 12, 12),
    "gas": (-960, -960, -960, -960),
    "pancreas": (40, 98, 88, 70),
    "kidney cortex": (34, 168, 182, 150),
    "kidney medulla": (30, 62, 158, 165),
    "spleen": (48, 112, 120, 96),
    "bile": (8, 8, 9, 10),
    "vena cava": (42, 72, 128, 112),
    "portal vein": (42, 88, 172, 122),
    "hepatic vein": (42, 50, 158, 120),
    "aorta": (42, 310, 152, 114),
    "liver": (56, 66, 110, 96),
    "necrosis": (20, 24, 26, 27),
}
_MR: dict[str, tuple[float, float, float, float]] = {
    "air": (0, 0, 0, 0),
    "fat": (95, 97, 100, 100),
    "muscle": (210, 232, 262, 268),
    "bone": (120, 140, 165, 165),
    "disc": (150, 155, 165, 170),
    "canal": (90, 92, 98, 102),
    "lung": (22, 26, 28, 27),
    "bowel": (200, 300, 390, 370),
    "fluid": (85, 85, 86, 86),
    "gas": (5, 5, 5, 5),
    "pancreas": (320, 560, 500, 440),
    "kidney cortex": (240, 690, 720, 640),
    "kidney medulla": (190, 310, 650, 690),
    "spleen": (210, 520, 540, 450),
    "bile": (110, 111, 112, 115),
    "vena cava": (170, 330, 640, 570),
    "portal vein": (170, 400, 760, 590),
    "hepatic vein": (170, 210, 720, 585),
    "aorta": (170, 980, 700, 560),
    "liver": (300, 335, 480, 430),
    "necrosis": (160, 168, 172, 178),
}
TABLES: dict[str, dict[str, tuple[float, float, float, float]]] = {"ct": _CT, "mr": _MR}

LESION_SCALE = {"ct": 1.0, "mr": 3.2}
"""Units of the modality per HU of lesion contrast."""


def signals(modality: str, phase: str, uptake: float) -> Mapping[str, float]:
    """Brightness of every tissue in one phase of one patient.

    Parameters
    ----------
    modality : str
        ``ct`` or ``mr``.
    phase : str
        One of ``PHASES``.
    uptake : float
        Factor on all enhancement: cardiac output and dose differ, 1 is typical.

    Examples
    --------
    >>> signals("ct", "arterial", 1.0)["aorta"]
    310.0
    """
    at = PHASES.index(phase)
    return {
        tissue: float(row[0] + uptake * (row[at] - row[0]))
        for tissue, row in TABLES[modality].items()
    }
