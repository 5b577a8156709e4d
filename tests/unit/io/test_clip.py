"""Clips: frames, times, panes and grey values from every container."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import UID

from hepacast.core.errors import GeometryError, ImageFileError
from hepacast.io.clip import ClipOptions, Pane, blank_outside, list_panes, read_clip
from hepacast.io.deidentify import Pseudonyms, deidentify_file
from hepacast.io.dicom.write import encode, uid_of

if TYPE_CHECKING:
    from pathlib import Path


def screen(count: int = 12) -> np.ndarray:
    """Return grey frames of two panes, the left one brightening."""
    frames = np.zeros((count, 48, 96), np.uint8)
    frames[:, 8:40, 4:44] = 60
    frames[:, 8:40, 52:92] = (20 + 10 * np.arange(count))[:, None, None]
    return frames


def region(left: int, right: int) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType = 1, 1
    item.RegionLocationMinX0, item.RegionLocationMaxX1 = left, right - 1
    item.RegionLocationMinY0, item.RegionLocationMaxY1 = 8, 39
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX, item.PhysicalDeltaY = 0.03, 0.04
    return item


def clip(frames: np.ndarray, **attributes: object) -> Dataset:
    """Return an RGB multi-frame ultrasound object."""
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = uid_of("clip"), uid_of("clips")
    dataset.PatientID, dataset.Modality = "P7", "US"
    dataset.NumberOfFrames = str(len(frames))
    dataset.Rows, dataset.Columns = frames.shape[1:3]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"
    dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    colour = frames if frames.ndim == 4 else np.repeat(frames[..., None], 3, axis=-1)
    dataset.PixelData = colour.tobytes()
    for name, value in attributes.items():
        setattr(dataset, name, value)
    return dataset


def test_f27_two_panes_need_a_choice(tmp_path: Path) -> None:
    dataset = clip(screen(), FrameTime="100")
    dataset.SequenceOfUltrasoundRegions = Sequence([region(52, 92), region(4, 44)])
    (tmp_path / "c.dcm").write_bytes(encode(dataset))
    with pytest.raises(ImageFileError, match=r"2 panes \(0: rows and columns \(8, 40, 4, 44\)"):
        read_clip(tmp_path / "c.dcm")
    right = read_clip(tmp_path / "c.dcm", ClipOptions(pane=1))
    assert np.array_equal(right.frames, screen()[:, 8:40, 52:92])
    assert right.require_spacing() == pytest.approx((0.4, 0.3))
    declared = read_clip(tmp_path / "c.dcm", ClipOptions(box=(10, 20, 60, 80)))
    assert declared.frames.shape == (12, 10, 20)
    assert declared.spacing_mm == right.spacing_mm
    with pytest.raises(ImageFileError, match="a pane lies on the screen"):
        read_clip(tmp_path / "c.dcm", ClipOptions(box=(10, 20, 60, 800)))


@pytest.mark.parametrize(
    ("attributes", "times"),
    [
        ({"FrameTime": "100"}, np.arange(12) * 0.1),
        ({"CineRate": "20"}, np.arange(12) * 0.05),
        ({"FrameTimeVector": [0.0, *[50.0] * 5, *[200.0] * 6]},
         np.cumsum([0.0, *[0.05] * 5, *[0.2] * 6])),
    ],
)  # fmt: skip
def test_frame_times_come_from_whatever_tag_has_them(
    tmp_path: Path, attributes: dict[str, object], times: np.ndarray
) -> None:
    (tmp_path / "c.dcm").write_bytes(encode(clip(screen(), **attributes)))
    assert np.allclose(read_clip(tmp_path / "c.dcm").require_times(), times)


def test_f29_a_clip_without_times_refuses_a_curve(tmp_path: Path) -> None:
    (tmp_path / "c.dcm").write_bytes(encode(clip(screen())))
    silent = read_clip(tmp_path / "c.dcm")
    with pytest.raises(ImageFileError, match="needs the times of the frames"):
        silent.require_times()
    declared = read_clip(tmp_path / "c.dcm", ClipOptions(frame_time_s=0.2))
    assert declared.require_times()[-1] == pytest.approx(2.2)


def test_f28_a_clip_without_calibration_refuses_millimetres(tmp_path: Path) -> None:
    (tmp_path / "c.dcm").write_bytes(encode(clip(screen(), FrameTime="100")))
    with pytest.raises(GeometryError, match="calibrated"):
        read_clip(tmp_path / "c.dcm").require_spacing()


def test_f26_colour_is_refused_unless_declared(tmp_path: Path) -> None:
    colour = np.repeat(screen()[..., None], 3, axis=-1)
    colour[:, 10:30, 60:80, 2] = 0
    (tmp_path / "c.dcm").write_bytes(encode(clip(colour, FrameTime="100")))
    with pytest.raises(ImageFileError, match=r"colour in 8\.7% of a frame"):
        read_clip(tmp_path / "c.dcm")
    grey = read_clip(tmp_path / "c.dcm", ClipOptions(colour="luminance"))
    expected = np.round(colour[..., 0] * 0.299 + colour[..., 1] * 0.587 + colour[..., 2] * 0.114)
    assert np.abs(grey.frames - expected).max() <= 1


def test_text_outside_the_panes_is_blanked() -> None:
    frames = screen()
    frames[:, :6] = 255
    kept = blank_outside(frames, [Pane((8, 40, 4, 44), None), Pane((8, 40, 52, 92), None)])
    assert kept[:, :6].max() == 0
    assert np.array_equal(kept[:, 8:40, 4:44], frames[:, 8:40, 4:44])


def film(path: Path | None, frames: np.ndarray, codec: str, kind: str) -> bytes:
    """Encode frames as a video, or as a bare stream."""
    import io  # noqa: PLC0415

    av: Any = pytest.importorskip("av")
    buffer = io.BytesIO()
    with av.open(str(path) if path else buffer, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=Fraction(20))
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.bit_rate = 4_000_000
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.repeat(frame[..., None], 3, -1), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "codec", "kind"),
    [("c.avi", "mjpeg", "avi"), ("c.avi", "mpeg4", "avi"), ("c.mp4", "mpeg4", "mp4")],
)
def test_films_are_read_with_their_times(tmp_path: Path, name: str, codec: str, kind: str) -> None:
    film(tmp_path / name, screen(), codec, kind)
    back = read_clip(tmp_path / name)
    assert np.allclose(back.require_times(), np.arange(12) / 20)
    inner = (slice(None), slice(12, 36), slice(56, 88))
    assert np.abs(back.frames[inner].astype(int) - screen()[inner]).max() <= 6
    assert back.spacing_mm is None


def test_mpeg4_inside_dicom_is_read(tmp_path: Path) -> None:
    dataset = clip(screen(), FrameTime="50")
    (tmp_path / "c.dcm").write_bytes(encode(dataset))
    stream = film(None, screen(), "mpeg4", "m4v")
    dataset.PixelData = encapsulate([stream], has_bot=False)
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.102")
    dataset.save_as(tmp_path / "c.dcm", enforce_file_format=True)
    back = read_clip(tmp_path / "c.dcm")
    assert back.frames.shape == screen().shape
    inner = (slice(None), slice(12, 36), slice(56, 88))
    assert np.abs(back.frames[inner].astype(int) - screen()[inner]).max() <= 6


def test_text_burnt_into_a_film_inside_dicom_is_blanked(tmp_path: Path) -> None:
    frames = screen()
    frames[:, :6] = 255  # a name at the top of the screen
    dataset = clip(frames, FrameTime="50")
    dataset.SequenceOfUltrasoundRegions = Sequence([region(52, 92), region(4, 44)])
    (tmp_path / "c.dcm").write_bytes(encode(dataset))
    stream = film(None, frames, "mpeg4", "m4v")
    dataset.PixelData = encapsulate([stream], has_bot=False)
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.102")
    dataset.save_as(tmp_path / "c.dcm", enforce_file_format=True)
    target = deidentify_file(tmp_path / "c.dcm", tmp_path / "out", Pseudonyms(b"k" * 16))
    back = pydicom.dcmread(target)
    panes = list_panes(back)
    outside = blank_outside(np.ones(back.pixel_array.shape[:3], np.uint8), panes) == 0
    assert back.NumberOfFrames == len(frames)
    assert panes
    assert back.pixel_array[outside].max() == 0
    inner = (slice(None), slice(12, 36), slice(56, 88))
    assert np.abs(back.pixel_array[..., 0][inner].astype(int) - frames[inner]).max() <= 6
    assert read_clip(target, ClipOptions(pane=1)).frames.shape[0] == len(frames)


def test_a_damaged_film_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "c.mp4").write_bytes(b"no film" * 100)
    with pytest.raises(ImageFileError, match="video that can be decoded"):
        read_clip(tmp_path / "c.mp4")


def test_a_real_jpeg_clip_is_decoded_as_grey(shared: Path) -> None:
    path = shared / "us_dicom" / "color3d_jpeg_baseline.dcm"
    real = read_clip(path, ClipOptions(colour="luminance", box=(0, 480, 0, 640)))
    assert real.frames.shape == (120, 480, 640)
    assert np.diff(real.require_times()) == pytest.approx(0.033333, rel=1e-4)
    # Taken raw, the brightness of a YBR clip equals this; its mean over channels does not.
    assert 5 < real.frames.mean() < 60


@pytest.mark.parametrize("name", ["examples_ybr_color.dcm", "OBXXXX1A_2frame.dcm"])
def test_other_real_clips_are_read(shared: Path, name: str) -> None:
    path = shared / "us_dicom" / name
    real = read_clip(path, ClipOptions(colour="luminance", frame_time_s=0.1, box=(0, 200, 0, 300)))
    assert real.frames.ndim == 3
    assert real.frames.max() > 50
