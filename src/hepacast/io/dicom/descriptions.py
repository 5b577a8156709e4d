# SPDX-License-Identifier: Apache-2.0
"""Free text of a header without what could name a patient.

Source: DICOM PS3.15 E.3.3 (Clean Descriptors Option).
"""

from __future__ import annotations

import re

_WORDS = """
    abd abdo abdomen abdominal liver hepatic foie leber kidney renal pel pelvis chest thorax
    pancreas spleen portal porta vein venous ven pv pvp artery arterial art ap hap phase ph
    early late delay delayed equilibrium native nativ pre post plain without with contrast
    noncontrast non enhanced unenhanced con c ct mr mri us ceus axial ax tra cor coronal sag
    sagittal mpr mip recon body lung bone soft tissue standard std thin thick slice slices mm
    sec s min t t1 t2 t1w t2w fs fat sat vibe lava thrive flash fse tse haste ssfse dwi adc diff
    dixon in out opp phase water w f bh breath hold trigger dynamic dyn sub subtraction
    hepatobiliary hbp hepatocyte gad gadolinium primovist eovist iohexol iopamidol omnipaque
    ultravist iopromide iodixanol visipaque sonovue sonazoid gadoxetate kv ma asir idose aice
    spgr fspgr gre ir stir wo w/o w/ i v iv tumour tumor neoplasm lesion anatomical structure
    morphologically altered abnormal image source segmentation processing operation derivation
    for
"""
_VOCABULARY = frozenset(_WORDS.split())


def clean_text(text: str) -> str:
    """Keep the words of a description that radiology uses, and short numbers.

    >>> clean_text("Liver art. phase ZHANG SAN 3.0 B40f 19531224 tel 5551234")
    'Liver art phase 3.0 B40f'
    """
    kept = []
    for word in re.split(r"[\s,;()_\[\]]+", text):
        bare = word.strip(".-/")
        number = re.fullmatch(r"[+-]?\d{1,3}(\.\d{1,2})?(mm|s|sec|min|kv|ma|t)?", bare.lower())
        kernel = re.fullmatch(r"[BIH][rfv]?\d{2}[a-z]?", bare)
        parts = [part for part in re.split(r"[/+-]", bare.lower()) if part]
        known = bare.lower() in _VOCABULARY or all(part in _VOCABULARY for part in parts)
        if bare and (number or kernel or known):
            kept.append(bare)
    return " ".join(kept)
