"""Phases are proposed from words, clocks and vessels, and never guessed from nothing."""

from __future__ import annotations

import pytest

from hepacast.imaging.phases import (
    Phase,
    propose_from_delay,
    propose_from_description,
    propose_from_enhancement,
    remark_phases,
    remark_source,
)


@pytest.mark.parametrize(
    ("description", "modality", "phase"),
    [
        ("Arterial Phase  5.0  B30f", "CT", "arterial"),
        ("late art. phase  3.0  B40f", "CT", "arterial"),
        ("P.Venous  3.0  B40f", "CT", "portal"),
        ("Abd/Pel Portal/venous", "CT", "portal"),
        ("PV ABDOMEN", "CT", "portal"),
        ("Cor Delay  3.0", "CT", "delayed"),
        ("180 Sec  2.0  B40f", "CT", "delayed"),
        ("ABD W/O  3.0  Br40  3", "CT", "native"),
        ("TRI LIVER C-", "CT", "native"),
        ("T1 VIBE FS TRA_hepatocyte_C", "MR", "hepatobiliary"),
        ("Ax LAVA /pOST 20 MIN.", "MR", "hepatobiliary"),
        ("AX T1 VIBE +C 70", "MR", "portal"),
        ("动脉晚期", "CT", "arterial"),
        ("门静脉期", "CT", "portal"),
        ("延迟期", "CT", "delayed"),
        ("平扫", "CT", "native"),
        ("phase artérielle", "CT", "arterial"),
        ("Abdomen nativ 3.0", "CT", "native"),
    ],
)
def test_f31_words_of_a_description_name_the_phase(
    description: str, modality: str, phase: Phase
) -> None:
    assert propose_from_description(description, modality).phase == phase


@pytest.mark.parametrize(
    "description",
    [
        "",
        "Abdomen  5.0  B30s",
        "Topo - 7 min   0.6  T81s",
        "PreMonitoring  10.0  B40s",
        "LIVER 3 PHASE (C/A/P)",
        "FOIE BIPASIQUE",
        "Lava pre & post",
        "ARTERIAL/PARENCHYMAL",
        "smDIXON 5 MIN SUB",
        "Axial T1 in/out phase",
        "POST CONTRAST",
    ],
)
def test_f31_a_description_without_one_phase_proposes_none(description: str) -> None:
    proposal = propose_from_description(description)
    assert proposal.phase is None
    assert proposal.reason


def test_minutes_after_injection_mean_a_hepatobiliary_phase_in_mr_only() -> None:
    assert propose_from_delay(1200, "MR").phase == "hepatobiliary"
    assert propose_from_delay(1200, "CT").phase == "delayed"


@pytest.mark.parametrize(
    ("aorta", "portal", "phase"),
    [(42, 38, "native"), (310, 90, "arterial"), (240, 160, "arterial"), (150, 175, "portal")],
)
def test_f31_vessels_tell_the_phase(aorta: float, portal: float, phase: Phase) -> None:
    assert propose_from_enhancement(aorta, portal).phase == phase


def test_f32_swapped_phases_are_remarked() -> None:
    vessels = {"a": (150.0, 165.0), "p": (310.0, 100.0), "d": (110.0, 115.0)}
    declared: dict[str, Phase] = {"a": "arterial", "p": "portal", "d": "delayed"}
    (first, *rest) = remark_phases(vessels, declared)
    assert "arterial and portal look swapped" in first
    right: dict[str, Phase] = {"p": "arterial", "a": "portal", "d": "delayed"}
    assert remark_phases(vessels, right) == ()
    assert not any("swapped" not in remark for remark in rest)


def test_f32_a_single_phase_that_contradicts_its_vessels_is_remarked() -> None:
    assert remark_phases({"a": (45.0, 42.0)}, {"a": "portal"}) == (
        "a is declared portal but looks native: aorta 45 HU, portal vein 42 HU",
    )


def test_f57_a_mask_of_another_phase_is_remarked() -> None:
    assert remark_source("portal", "portal") == ()
    assert "drawn on portal and is used on arterial" in remark_source("portal", "arterial")[0]
