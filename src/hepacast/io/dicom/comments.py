# SPDX-License-Identifier: Apache-2.0
"""Compressed pixels without the free text that JPEG and JPEG 2000 can carry.

Source: ITU-T T.81 Annex B (JPEG markers), ISO/IEC 15444-1 Annex A (JPEG 2000 markers).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepacast.core.errors import ImageFileError

if TYPE_CHECKING:
    from pydicom import Dataset

_START_OF_SCAN, _START_OF_TILE = 0xDA, 0x90
# Kept of the application segments: JFIF (E0) and Adobe's note on colours (EE).
_JPEG_TEXT = frozenset({0xFE, 0xEF, *range(0xE1, 0xEE)})
_J2K_TEXT = frozenset({0x64})


def without_comments(dataset: Dataset) -> bytes:
    """Return the encapsulated pixels with comment and application segments cut out.

    Raises
    ------
    ImageFileError
        If the pixels are a video or another stream that cannot be searched.
    """
    from pydicom.encaps import encapsulate, generate_frames  # noqa: PLC0415 - loads slowly

    frames = int(dataset.get("NumberOfFrames") or 1)
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    number = syntax.rsplit(".", 1)[-1]
    if syntax == "1.2.840.10008.1.2.5":
        return bytes(dataset.PixelData)
    if not (syntax.startswith("1.2.840.10008.1.2.4.") and 50 <= int(number) < 100):
        raise ImageFileError(
            what="only JPEG, JPEG-LS, JPEG 2000 and RLE pixels can be searched for text",
            got=f"transfer syntax {syntax}",
            fix="Send the series uncompressed.",
        )
    pixels = generate_frames(dataset.PixelData, number_of_frames=frames)
    packed: bytes = encapsulate([strip_comments(frame) for frame in pixels])
    return packed


def strip_comments(stream: bytes) -> bytes:
    r"""Cut comment and application segments out of the header of one code stream.

    >>> plain = b"\xff\xd8\xff\xda\x00\x02rest"
    >>> strip_comments(b"\xff\xd8\xff\xfe\x00\x07name!" + plain[2:]) == plain
    True
    """
    if stream[:2] == b"\xff\x4f":
        text, end = _J2K_TEXT, _START_OF_TILE
    elif stream[:2] == b"\xff\xd8":
        text, end = _JPEG_TEXT, _START_OF_SCAN
    else:
        raise ImageFileError(
            what="a compressed frame is a JPEG or JPEG 2000 code stream",
            got=stream[:4].hex(" "),
            fix="Send the series uncompressed.",
        )
    kept, at = bytearray(stream[:2]), 2
    while at + 4 <= len(stream) and stream[at] == 0xFF and stream[at + 1] != end:
        length = 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        if stream[at + 1] not in text:
            kept += stream[at : at + length]
        at += length
    return bytes(kept + stream[at:])
