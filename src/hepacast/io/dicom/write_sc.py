# SPDX-License-Identifier: Apache-2.0
"""A picture as a secondary capture of the study that it was made from.

Source: DICOM PS3.3 A.8.1 (Secondary Capture Image IOD).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepacast.io.dicom.derived import Origin, mark_research, of_the_study
from hepacast.io.dicom.write import encode
from hepacast.io.streams import write_verified

if TYPE_CHECKING:
    from pathlib import Path

    from hepacast.io.dicom.sort import Series

_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def write_capture(picture: np.ndarray, series: Series, path: Path, origin: Origin) -> None:
    """Write a picture as one secondary capture.

    Parameters
    ----------
    picture : (row, column, 3) uint8
        Red, green, blue.
    series : Series
        Of the study that it belongs to.
    path : Path
        Where to.
    origin : Origin
        Who made it from what.
    """
    import pydicom  # noqa: PLC0415 - loads slowly

    source = pydicom.dcmread(series.first.file, stop_before_pixels=True)
    ds = of_the_study(source)
    ds.SOPClassUID = _CAPTURE
    mark_research(ds, source, "SC", origin)
    ds.Modality, ds.ConversionType = "OT", "WSD"
    ds.ImageType = ["DERIVED", "SECONDARY"]
    # Without a body part the standard asks for a laterality, which a liver has not.
    ds.BodyPartExamined, ds.PatientOrientation = "LIVER", ""
    # The case id is on the picture, and may tell who it is.
    ds.BurnedInAnnotation = "YES"
    ds.LossyImageCompression = "00"
    ds.Rows, ds.Columns = picture.shape[:2]
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    data = np.ascontiguousarray(picture, dtype=np.uint8).tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    write_verified(path, [encode(ds)])
