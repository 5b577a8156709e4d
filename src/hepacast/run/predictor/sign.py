# SPDX-License-Identifier: Apache-2.0
"""Sign a predictor that is whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hepacast.io.store import write_atomic
from hepacast.run.predictor.files import read_predictor
from hepacast.run.predictor.predictor_seal import MANIFEST, PURPOSE, SIGNATURE
from hepacast.run.predictor.seal import (
    fingerprint,
    read_secret,
    sign,
)

if TYPE_CHECKING:
    from pathlib import Path


def sign_predictor(folder: Path, key: Path) -> str:
    """Sign a predictor that is whole; an older signature is replaced.

    Parameters
    ----------
    folder : Path
        The predictor.
    key : Path
        From :func:`~hepacast.run.predictor.seal.new_key`.

    Returns
    -------
    str
        Fingerprint of the key.

    Raises
    ------
    PredictorError
        If the predictor is damaged: nobody vouches for that.
    """
    secret = read_secret(key)
    text = (folder / MANIFEST).read_bytes() if (folder / MANIFEST).is_file() else b""
    read_predictor(folder)
    said = sign(PURPOSE, text, secret)
    write_atomic(folder / SIGNATURE, json.dumps(said, indent=1) + "\n")
    return fingerprint(bytes.fromhex(said["public_key"]))
