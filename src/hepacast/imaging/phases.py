# SPDX-License-Identifier: Apache-2.0
"""Which contrast phase an image shows: proposals from words, clocks and enhancement.

A proposal is for the user to confirm in the case table; nothing is computed from
a phase that only a program believes in.

Source: delays after injection as in LI-RADS v2018 (CT/MRI technical
recommendations): late arterial 35-40 s, portal venous 60-75 s, delayed 2-5 min,
hepatobiliary 15-20 min.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

Phase = Literal["native", "arterial", "portal", "delayed", "hepatobiliary"]
PHASES: tuple[Phase, ...] = get_args(Phase)
"""In order of time after injection."""

_NO_IMAGE = re.compile(
    r"\b(scouts?|topo\w*|locali[sz]er\w*|loc|surview|scano\w*|locator|(pre)?monitoring"
    r"|i[ -]?sequence|bolus|tracker|smart ?prep|timing|test|calibration|cal|biopsy|dose"
    r"|patient protocol|subtraction|subs?\b(?! ?sec)|tof|adc|dwi|diff\w*|perfusion|nephro ?map)\b"
)
_MIXED = re.compile(
    r"\b(([2-9]|two|three|four|bi|tri|multi|dual) ?-?(ph|phases?|phasic|phasique|pasique)"
    r"|(bi|tri|multi|quadri)(phasic|phasique|pasique|phase)|pre (&|and|\+|/) ?post"
    r"|w ?&? ?w/?o|with (and|&) without|without (and|&) with|w/ ?(and|&) ?w/?o|pre/post)\b"
)
_WORDS: tuple[tuple[Phase, str], ...] = (
    ("hepatobiliary", r"hepato ?-?biliary|hbp|hepatocytes?|hepatobil\w*|肝胆(特异)?期"),
    (
        "arterial",
        (
            r"(late|early|hepatic|spat|fruh)? ?(arterial|arterielle?|arteriel\w*|arteriosa|arter"
            r"|art|arteriell)( ?(phase|ph))?|hap|eap|lap|angio (liver|abd\w*)|动脉(晚|早)?期|动脉"
        ),
    ),
    (
        "delayed",
        (
            r"delay(ed|s)?|dly|late|tardi\w*|equilibrium|equil|excretory|urogra\w*|bladder delay"
            r"|spat|spatphase|washout|延(迟|时)期?|平衡期"
        ),
    ),
    (
        "portal",
        (
            r"portal|portale|porto\w*|porta|(p ?)?(venous|ven|veinous|venose?|veineux|venosa)|pvp?"
            r"|parench\w*|paranch\w*|hepatic phase|neph\w*|门(静)?脉期?|静脉期"
        ),
    ),
    (
        "native",
        (
            r"native?|nativ|pre|precontrast|pre ?-?con\w*|non ?-?con\w*|noncon\w*|unenh\w*"
            r"|non ?-?enh\w*|plain|dry|without( contrast)?|w/ ?o|wo|w/o(c|ut)?|c ?-|-c|c ?minus"
            r"|sans (iv|inj\w*|contraste?)|ohne km|basale|no (iv|contrast|con)|nc|nect|ncct|平扫"
        ),
    ),
)
_FIND = tuple(
    (phase, re.compile(rf"(?<![a-z0-9])({words})(?![a-z0-9])")) for phase, words in _WORDS
)
# B30s and I50s are kernels, not seconds; "+C 70" is how scanners number dynamic MR.
_SECONDS = re.compile(
    r"(?<![a-z0-9.])(\d{2,3}) ?-?(?:sec(?:ond)?s?|s)(?![a-z0-9])|\+ ?c (\d{2,3})(?!\d)"
)
_MINUTES = re.compile(r"(?<![\d.])(\d{1,2}) ?-?min(?:ute)?s?(?![a-z0-9])")
_ACCENTS = str.maketrans("áàâäéèêëíìîïóòôöúùûüç", "aaaaeeeeiiiioooouuuuc")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A phase, and why.

    Parameters
    ----------
    phase : str or None
        One of :data:`PHASES`; ``None`` where nothing speaks for one.
    reason : str
        What spoke for it, for the case table.
    """

    phase: Phase | None
    reason: str


def propose_from_description(description: str, modality: str = "CT") -> Proposal:
    """Read a series description.

    Parameters
    ----------
    description : str
        SeriesDescription in English, French, German, Italian, Spanish or Chinese.
    modality : str
        ``MR`` knows a hepatobiliary phase; minutes mean other things there.

    Returns
    -------
    Proposal
        ``None`` for localizers, bolus tracking, subtractions, series that hold
        several phases, and descriptions without a word about contrast.

    Examples
    --------
    >>> propose_from_description("Portal  3.0  B40f").phase
    'portal'
    >>> propose_from_description("LIVER 3 PHASE (AP)").phase is None
    True
    """
    text = re.sub(r"[_;:,()\[\].]+", " ", description.lower().translate(_ACCENTS))
    if _NO_IMAGE.search(text):
        return Proposal(None, "not an image of one phase")
    if _MIXED.search(text):
        return Proposal(None, "several phases in one series")
    if _named(text, "arterial") and (_named(text, "portal") or _MINUTES.search(text)):
        return Proposal(None, "several phases in one series")
    clock = _clock(text, modality)
    if clock is not None and not _named(text, "arterial"):
        return clock
    for phase, words in _FIND:
        if found := words.search(text):
            return Proposal(phase, f"the description says {found.group(0).strip()!r}")
    return Proposal(None, "the description names no phase")


def _named(text: str, phase: Phase) -> bool:
    return any(words.search(text) for known, words in _FIND if known == phase)


def _clock(text: str, modality: str) -> Proposal | None:
    if found := _MINUTES.search(text):
        return propose_from_delay(60.0 * float(found.group(1)), modality)
    if found := _SECONDS.search(text):
        return propose_from_delay(float(found.group(1) or found.group(2)), modality)
    return None


def propose_from_delay(seconds: float, modality: str = "CT") -> Proposal:
    """Read the time between injection and image.

    Parameters
    ----------
    seconds : float
        After the start of the injection; 0 or less is before it.
    modality : str
        Only ``MR`` has a hepatobiliary phase.

    Examples
    --------
    >>> [propose_from_delay(s, "MR").phase for s in (0, 35, 70, 180, 1200)]
    ['native', 'arterial', 'portal', 'delayed', 'hepatobiliary']
    """
    limits: list[tuple[float, Phase]] = [(5, "native"), (48, "arterial"), (110, "portal")]
    phase: Phase = "hepatobiliary" if modality == "MR" and seconds >= 600 else "delayed"
    for limit, name in limits:
        if seconds < limit:
            phase = name
            break
    return Proposal(phase, f"{seconds:g} s after injection")


def propose_from_enhancement(aorta_hu: float, portal_hu: float) -> Proposal:
    """Read the enhancement of the vessels in a CT.

    Parameters
    ----------
    aorta_hu : float
        Mean HU in the abdominal aorta.
    portal_hu : float
        Mean HU in the portal vein.

    Notes
    -----
    Native blood has 30-50 HU.  The aorta leads in the arterial phase; both are
    equal from the portal phase on, and fall slowly.

    Examples
    --------
    >>> [propose_from_enhancement(*pair).phase for pair in ((40, 40), (290, 110), (160, 170))]
    ['native', 'arterial', 'portal']
    """
    reason = f"aorta {aorta_hu:.0f} HU, portal vein {portal_hu:.0f} HU"
    if max(aorta_hu, portal_hu) < 75:
        return Proposal("native", reason)
    if aorta_hu > 1.35 * portal_hu and aorta_hu > 130:
        return Proposal("arterial", reason)
    return Proposal("portal" if max(aorta_hu, portal_hu) >= 115 else "delayed", reason)


def remark_phases(
    vessels: Mapping[str, tuple[float, float]], declared: Mapping[str, Phase]
) -> tuple[str, ...]:
    """Compare the phases that the case table declares with the enhancement of the vessels.

    Parameters
    ----------
    vessels : mapping of image to (aorta, portal vein)
        Mean HU, CT only.
    declared : mapping of image to phase
        From the case table.

    Returns
    -------
    tuple of str
        A remark for every pair in the wrong order and every single contradiction.

    Examples
    --------
    >>> remark_phases({"A": (150, 160), "P": (300, 100)}, {"A": "arterial", "P": "portal"})
    ('arterial and portal look swapped: aorta 150 HU in A, 300 HU in P',)
    """
    remarks = []
    by_phase = {phase: image for image, phase in declared.items() if image in vessels}
    swapped: set[str] = set()
    for early, late in (("arterial", "portal"), ("arterial", "delayed"), ("portal", "delayed")):
        if early not in by_phase or late not in by_phase:
            continue
        one, other = by_phase[early], by_phase[late]
        # Ten HU are noise; between portal and delayed phase the aorta may fall by little.
        if vessels[one][0] < vessels[other][0] - 10:
            swapped |= {one, other}
            remarks.append(
                f"{early} and {late} look swapped: aorta {vessels[one][0]:.0f} HU in {one}, "
                f"{vessels[other][0]:.0f} HU in {other}"
            )
    for image, phase in declared.items():
        if image not in vessels or image in swapped:
            continue
        seen = propose_from_enhancement(*vessels[image])
        near = {phase, seen.phase} <= {"portal", "delayed"}
        if seen.phase != phase and not near:
            remarks.append(f"{image} is declared {phase} but looks {seen.phase}: {seen.reason}")
    return tuple(remarks)


def remark_liver(means: Mapping[str, float], declared: Mapping[str, Phase]) -> tuple[str, ...]:
    """Compare the declared phases with the enhancement of the liver, where no vessel is drawn.

    Parameters
    ----------
    means : mapping of image to float
        Mean HU of the liver, CT only.
    declared : mapping of image to phase
        From the case table.

    Returns
    -------
    tuple of str
        A remark for every earlier phase in which the liver is brighter than in the portal
        one.  Delayed phases say nothing: a sick liver may still fill.

    Notes
    -----
    The portal vein brings three quarters of the liver's blood, so that the liver peaks in
    the portal phase.  Ten HU are left for noise.

    Examples
    --------
    >>> remark_liver({"A": 104, "P": 62}, {"A": "arterial", "P": "portal"})
    ('arterial and portal look swapped: liver 104 HU in A, 62 HU in P',)
    """
    image_of = {phase: image for image, phase in declared.items() if image in means}
    remarks = []
    for early in ("native", "arterial"):
        if early in image_of and "portal" in image_of:
            one, other = image_of[early], image_of["portal"]
            if means[one] > means[other] + 10:
                remarks.append(
                    f"{early} and portal look swapped: liver {means[one]:.0f} HU in {one}, "
                    f"{means[other]:.0f} HU in {other}"
                )
    return tuple(remarks)


def remark_source(mask_phase: str, image_phase: str) -> tuple[str, ...]:
    """Remark on a mask that was drawn on another phase than it is used for.

    >>> remark_source("portal", "arterial")
    ('the mask was drawn on portal and is used on arterial: breathing may have moved it',)
    """
    if mask_phase == image_phase:
        return ()
    text = f"the mask was drawn on {mask_phase} and is used on {image_phase}"
    return (f"{text}: breathing may have moved it",)
