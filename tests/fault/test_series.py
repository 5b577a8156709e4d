"""F10 to F30, F33 to F35: folders of DICOM that are not one clean series."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from hepacast.core.errors import GeometryError, ImageFileError
from hepacast.core.events import Event, Noticed
from hepacast.core.geometry import Grid
from hepacast.core.volume import Volume
from hepacast.io.dicom.series import list_series, read_series
from hepacast.io.dicom.write import SeriesIdentity, encode, uid_of, write_series
from hepacast.io.options import ReadOptions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fault.conftest import Edit


class Ear(list[Event]):
    """Hear events, and search them."""

    def __call__(self, event: Event) -> None:
        self.append(event)

    def heard(self, words: str) -> bool:
        return any(isinstance(event, Noticed) and words in event.text for event in self)


@pytest.fixture
def ear() -> Ear:
    return Ear()


def shifted(ct: Volume, hu: float, mm: float = 0.0) -> Volume:
    """Return another phase: brighter, and perhaps lying between the slices."""
    x, y, z = ct.grid.origin
    grid = Grid(ct.grid.shape, ct.grid.spacing, (x, y, z + mm))
    return Volume(ct.data + hu, grid)


def test_f10_several_series_are_listed_and_none_is_picked(tmp_path: Path, ct: Volume) -> None:
    write_series(ct, tmp_path / "a", SeriesIdentity(series="AP"))
    longer = Volume(np.concatenate([ct.data] * 2), Grid((24, 24, 24), (5.0, 1.0, 1.0)))
    write_series(longer, tmp_path / "b", SeriesIdentity(series="PVP"))
    with pytest.raises(ImageFileError, match=r"2 of 2: 12 CT images 'AP'.*24 CT images 'PVP'"):
        read_series(tmp_path)


@pytest.mark.parametrize("offset_mm", [0.0, 2.5])
@pytest.mark.parametrize(
    "clock",
    [
        {"AcquisitionNumber": (1, 2)},
        {"AcquisitionTime": ("101500", "101545")},
        {"ContentTime": ("101500", "101545")},
        {"TemporalPositionIdentifier": ("1", "2")},
        {"TriggerTime": ("0", "40")},
    ],
)
def test_f11_two_phases_of_one_series_are_divided(
    tmp_path: Path, ct: Volume, ear: Ear, clock: dict[str, tuple[object, object]], offset_mm: float
) -> None:
    ((name, values),) = clock.items()
    second = shifted(ct, 60, offset_mm)
    for n, (volume, value) in enumerate(zip((ct, second), values, strict=True)):
        attributes = {"AcquisitionNumber": 1, "SeriesInstanceUID": uid_of("one"), name: value}
        write_series(
            volume, tmp_path / str(n), SeriesIdentity(series=str(n), attributes=attributes)
        )
    with pytest.raises(ImageFileError, match=r"phase 1 of 2.*phase 2 of 2"):
        read_series(tmp_path, on_event=ear)
    assert ear.heard("2 phases in one series")
    for part, volume in enumerate((ct, second)):
        back = read_series(tmp_path, ReadOptions(part=part))
        assert np.array_equal(back.data, volume.data)
        assert back.grid.distance_mm(volume.grid) < 1e-6


def test_f11_interleaved_passes_of_one_acquisition_stay_together(
    series: tuple[Path, ...], ct: Volume, edit: Edit
) -> None:
    for k, path in enumerate(series):
        edit(path, AcquisitionTime="101500" if k % 2 else "101512", AcquisitionNumber=1 + k % 2)
    assert np.array_equal(read_series(series[0].parent).data, ct.data)


def test_f11_phases_without_any_clock_are_divided_by_their_numbers(
    tmp_path: Path, ct: Volume, edit: Edit
) -> None:
    for n, volume in enumerate((ct, shifted(ct, 60))):
        for k, path in enumerate(write_series(volume, tmp_path / str(n))):
            edit(path, InstanceNumber=12 * n + k + 1, SOPInstanceUID=uid_of(str(n), str(k)))
    assert [len(s.slices) for s in list_series(tmp_path)] == [12, 12]
    assert np.array_equal(read_series(tmp_path, ReadOptions(part=1)).data, ct.data + 60)


def test_f11_phases_that_nothing_tells_apart_are_asked_about(
    tmp_path: Path, ct: Volume, edit: Edit
) -> None:
    for n, volume in enumerate((ct, shifted(ct, 60))):
        for path in write_series(volume, tmp_path / str(n)):
            edit(path, InstanceNumber=1)
    with pytest.raises(ImageFileError, match="12 different images at a place that is taken"):
        read_series(tmp_path)


def test_f12_a_series_identifier_per_slice_is_joined(
    series: tuple[Path, ...], ct: Volume, edit: Edit, ear: Ear
) -> None:
    for n, path in enumerate(series):
        edit(path, SeriesInstanceUID=uid_of("slice", str(n)))
    assert np.array_equal(read_series(series[0].parent, on_event=ear).data, ct.data)
    assert ear.heard("12 series of one slice joined")


def test_f13_a_series_split_by_exposure_is_joined(
    series: tuple[Path, ...], ct: Volume, edit: Edit, ear: Ear
) -> None:
    for n, path in enumerate(series):
        edit(path, Exposure=str(100 + 50 * (n % 2)), SeriesInstanceUID=uid_of(str(n % 2)))
    assert np.array_equal(read_series(series[0].parent, on_event=ear).data, ct.data)
    assert ear.heard("2 pieces of one acquisition joined")


def test_f14_an_identical_slice_is_dropped(
    series: tuple[Path, ...], ct: Volume, edit: Edit, ear: Ear
) -> None:
    copy = series[3].with_name("copy.dcm")
    shutil.copy(series[3], copy)
    edit(copy, SOPInstanceUID=uid_of("copy"), InstanceNumber=99)
    back = read_series(series[0].parent, on_event=ear)
    assert back.grid.spacing[0] == 5.0
    assert np.array_equal(back.data, ct.data)
    assert ear.heard("1 identical slices dropped")


def test_f14_a_different_slice_at_one_place_is_asked_about(
    series: tuple[Path, ...], edit: Edit
) -> None:
    copy = series[3].with_name("copy.dcm")
    shutil.copy(series[3], copy)
    pixels = pydicom.dcmread(copy).pixel_array + 1
    edit(copy, SOPInstanceUID=uid_of("copy"), InstanceNumber=99, PixelData=pixels.tobytes())
    with pytest.raises(ImageFileError, match="1 different images at a place that is taken"):
        read_series(series[0].parent)


def test_f15_a_missing_slice_is_an_error_with_its_place(series: tuple[Path, ...]) -> None:
    series[5].unlink()
    with pytest.raises(GeometryError, match="1 missing after position 30 mm"):
        read_series(series[0].parent)


def test_f15_a_missing_slice_can_be_interpolated(
    series: tuple[Path, ...], ct: Volume, ear: Ear
) -> None:
    series[5].unlink()
    back = read_series(series[0].parent, ReadOptions(fill_gaps=True), on_event=ear)
    assert np.allclose(back.data[5], (ct.data[4] + ct.data[6]) / 2)
    assert np.array_equal(np.delete(back.data, 5, 0), np.delete(ct.data, 5, 0))
    assert ear.heard("1 missing slices interpolated")


def test_f15_two_missing_slices_in_a_row_are_never_invented(series: tuple[Path, ...]) -> None:
    series[5].unlink()
    series[6].unlink()
    with pytest.raises(GeometryError, match=r"2 missing .* at most 2 in a row"):
        read_series(series[0].parent, ReadOptions(fill_gaps=True))


def test_f17_uneven_slices_are_asked_about_and_resampled_by_position(
    tmp_path: Path, ear: Ear, edit: Edit
) -> None:
    grid = Grid((9, 8, 8), (2.0, 1.0, 1.0))
    ramp = np.broadcast_to(np.arange(9.0)[:, None, None] * 2, grid.shape)
    volume = Volume(np.where(ramp < 0, 0, ramp - 1000).astype(np.float32), grid)
    heights = [0.0, 2.0, 4.0, 6.5, 9.3, 11.3, 13.3, 15.3, 17.3]
    for path, z in zip(write_series(volume, tmp_path), heights, strict=True):
        data = np.full((8, 8), round(10 * z) - 1000 + 1024, "<i2")
        edit(path, ImagePositionPatient=[0, 0, z], PixelData=data.tobytes())
    with pytest.raises(GeometryError, match="evenly spaced"):
        read_series(tmp_path)
    back = read_series(tmp_path, ReadOptions(even_out=True), on_event=ear)
    centres = back.grid.to_world(np.argwhere(np.ones(back.grid.shape)))
    assert np.allclose(back.data.ravel(), 10 * centres[:, 2] - 1000, atol=0.6)
    assert ear.heard("resampled to 2 mm")


@pytest.mark.parametrize("degrees", [5.0, 15.0])
def test_f18_gantry_tilt_is_removed_by_the_positions(
    tmp_path: Path, edit: Edit, ear: Ear, degrees: float
) -> None:
    grid = Grid((10, 60, 16), (4.0, 1.0, 1.0))
    slide = np.tan(np.radians(degrees)) * 4.0
    data = np.full(grid.shape, -1000.0, np.float32)
    paths = write_series(Volume(data, grid), tmp_path)
    for k, path in enumerate(paths):
        # A rod along z at y = 30 mm: in tilted slices its row changes from slice to slice.
        y = np.arange(60) + slide * k
        plane = np.round(1000 * np.exp(-((y - 30.0) ** 2) / 18)) - 1000
        stored = np.broadcast_to(plane[:, None] + 1024, (60, 16)).astype("<i2")
        edit(path, ImagePositionPatient=[0, slide * k, 4 * k], PixelData=stored.tobytes())
    back = read_series(tmp_path, on_event=ear)
    rows = back.grid.to_world([[0, j, 0] for j in range(back.grid.shape[1])])[:, 1]
    assert ear.heard(f"gantry tilt of {degrees:.1f} degrees")
    for rod in back.data:
        weights = np.maximum(rod[:, 8] + 1000.0, 0)
        assert float((weights @ rows) / weights.sum()) == pytest.approx(30, abs=0.1)


def test_f18_slices_that_wander_are_an_error(series: tuple[Path, ...], edit: Edit) -> None:
    edit(series[4], ImagePositionPatient=[-50, -20, 30])
    with pytest.raises(GeometryError, match="one straight line"):
        read_series(series[0].parent)


def test_f19_localizers_reports_and_screenshots_are_ignored_aloud(
    series: tuple[Path, ...], ct: Volume, edit: Edit, ear: Ear
) -> None:
    folder = series[0].parent
    others: dict[str, dict[str, object]] = {
        "scout": {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        "shot": {
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7",
            "ImagePositionPatient": None,
            "ImageType": ["DERIVED", "SECONDARY"],
        },
        "mpr": {"ImageType": ["DERIVED", "SECONDARY", "MPR"]},
    }
    for name, attributes in others.items():
        shutil.copy(series[0], folder / f"{name}.dcm")
        edit(folder / f"{name}.dcm", SOPInstanceUID=uid_of(name), **attributes)
    report = Dataset()
    report.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.67"
    report.SOPInstanceUID = report.SeriesInstanceUID = uid_of("dose")
    report.Modality, report.PatientID = "SR", "P7"
    (folder / "dose.dcm").write_bytes(encode(report))
    (folder / "notes.txt").write_text("not an image")
    assert np.array_equal(read_series(folder, on_event=ear).data, ct.data)
    for kind in ("localizer", "screenshot", "reformat", "object"):
        assert ear.heard(f"ignored: 1 {'SR' if kind == 'object' else 'CT'} {kind}s")
    assert ear.heard("no DICOM file: ignored")


def test_f20_numbers_and_names_do_not_order_slices(
    series: tuple[Path, ...], ct: Volume, edit: Edit
) -> None:
    for n, path in enumerate(series):
        edit(path, InstanceNumber=(7 * n) % 12 + 1)
        path.rename(path.with_name(f"{(5 * n) % 12}.dcm"))
    assert np.array_equal(read_series(series[0].parent).data, ct.data)


def test_f21_the_grid_agrees_with_the_first_and_last_slice(series: tuple[Path, ...]) -> None:
    back = read_series(series[0].parent)
    for k, path in ((0, series[0]), (11, series[-1])):
        position = [float(n) for n in pydicom.dcmread(path).ImagePositionPatient]
        assert np.allclose(back.grid.to_world((k, 0, 0)), position, atol=1e-6)


def test_f22_a_ct_without_rescaling_is_asked_about(
    series: tuple[Path, ...], ct: Volume, edit: Edit
) -> None:
    for path in series:
        edit(path, RescaleSlope=None, RescaleIntercept=None)
    with pytest.raises(ImageFileError, match="no RescaleSlope and RescaleIntercept"):
        read_series(series[0].parent)
    back = read_series(series[0].parent, ReadOptions(rescale=(1.0, -1024.0)))
    assert np.array_equal(back.data, ct.data)


def test_f22_a_ct_without_air_is_asked_about(series: tuple[Path, ...], edit: Edit) -> None:
    for path in series:
        edit(path, RescaleIntercept="0")
    with pytest.raises(ImageFileError, match="darkest voxels of a CT are air"):
        read_series(series[0].parent)


@pytest.mark.parametrize("declared", [-2000, 63536])
def test_f23_padding_becomes_air(
    series: tuple[Path, ...], ct: Volume, ear: Ear, declared: int
) -> None:
    for path in series:
        dataset = pydicom.dcmread(path)
        pixels = dataset.pixel_array.copy()
        pixels[:2, :2] = -2000
        dataset.PixelData = pixels.tobytes()
        dataset.add_new(0x00280120, "SS" if declared < 0 else "US", declared)
        dataset.save_as(path)
    back = read_series(series[0].parent, on_event=ear)
    assert np.all(back.data[:, :2, :2] == -1024)
    assert np.array_equal(back.data[:, 2:], ct.data[:, 2:])
    assert ear.heard("padding set to -1024")


def test_f23_padding_that_means_tissue_is_kept(
    series: tuple[Path, ...], ct: Volume, ear: Ear
) -> None:
    for path in series:
        dataset = pydicom.dcmread(path)
        dataset.add_new(0x00280120, "SS", 1024 + 30)
        dataset.save_as(path)
    assert np.array_equal(read_series(series[0].parent, on_event=ear).data, ct.data)
    assert ear.heard("can be tissue")


def enhanced(ct: Volume, order: np.ndarray) -> Dataset:
    """Return one enhanced CT object whose frames are stored in the given order."""
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    dataset.SOPInstanceUID = uid_of("enhanced")
    dataset.StudyInstanceUID = uid_of("study")
    dataset.SeriesInstanceUID = uid_of("series")
    dataset.PatientID, dataset.Modality = "P7", "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.Rows, dataset.Columns = ct.grid.shape[1:]
    dataset.NumberOfFrames = str(len(order))
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 1
    shared, measures, plane, rescale = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [1, 1], 5
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    rescale.RescaleSlope, rescale.RescaleIntercept = 1, -1024
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([plane])
    shared.PixelValueTransformationSequence = Sequence([rescale])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for k in order:
        frame, place = Dataset(), Dataset()
        place.ImagePositionPatient = ct.grid.to_world((k, 0, 0)).tolist()
        frame.PlanePositionSequence = Sequence([place])
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    dataset.PixelData = (ct.data[order] + 1024).astype("<i2").tobytes()
    return dataset


def test_f24_an_enhanced_object_is_stacked_by_its_frames_positions(
    tmp_path: Path, ct: Volume
) -> None:
    order = np.random.default_rng(1).permutation(12)
    (tmp_path / "x.dcm").write_bytes(encode(enhanced(ct, order)))
    back = read_series(tmp_path)
    assert np.array_equal(back.data, ct.data)
    assert back.grid.distance_mm(ct.grid) < 1e-6


def test_f25_monochrome1_is_inverted(series: tuple[Path, ...], ct: Volume, ear: Ear) -> None:
    for path in series:
        dataset = pydicom.dcmread(path)
        dataset.PhotometricInterpretation = "MONOCHROME1"
        dataset.PixelData = (-1 - dataset.pixel_array).astype("<i2").tobytes()
        dataset.save_as(path)
    assert np.array_equal(read_series(series[0].parent, on_event=ear).data, ct.data)
    assert ear.heard("MONOCHROME1 was inverted")


def ultrasound(pixels: np.ndarray, *, calibrated: bool = True) -> Dataset:
    """Return a single colour ultrasound image."""
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = uid_of("us"), uid_of("us", "series")
    dataset.StudyInstanceUID, dataset.PatientID, dataset.Modality = uid_of("study"), "P7", "US"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"
    dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = pixels.astype(np.uint8).tobytes()
    if calibrated:
        region = Dataset()
        region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
        region.PhysicalDeltaX, region.PhysicalDeltaY = 0.025, 0.03
        dataset.SequenceOfUltrasoundRegions = Sequence([region])
    return dataset


def test_f26_grey_stored_as_colour_is_read_and_colour_is_asked_about(
    tmp_path: Path, ear: Ear
) -> None:
    grey = np.repeat(np.arange(48).reshape(6, 8, 1), 3, axis=2)
    (tmp_path / "us.dcm").write_bytes(encode(ultrasound(grey)))
    back = read_series(tmp_path / "us.dcm", on_event=ear)
    assert np.array_equal(back.data[0], grey[..., 0])
    assert ear.heard("grey pixels were stored as colour")
    grey[:2, :, 0] = 200
    (tmp_path / "us.dcm").write_bytes(encode(ultrasound(grey)))
    with pytest.raises(ImageFileError, match="colour in 33"):
        read_series(tmp_path / "us.dcm")


def test_f28_ultrasound_spacing_comes_from_the_calibrated_region(tmp_path: Path) -> None:
    grey = np.repeat(np.arange(48).reshape(6, 8, 1), 3, axis=2)
    (tmp_path / "us.dcm").write_bytes(encode(ultrasound(grey)))
    assert read_series(tmp_path / "us.dcm").grid.spacing[1:] == pytest.approx((0.3, 0.25))
    (tmp_path / "us.dcm").write_bytes(encode(ultrasound(grey, calibrated=False)))
    with pytest.raises(GeometryError, match="how large its pixels are"):
        read_series(tmp_path / "us.dcm")
    declared = ReadOptions(spacing_mm=(1.0, 0.2, 0.2))
    assert read_series(tmp_path / "us.dcm", declared).grid.spacing == (1.0, 0.2, 0.2)


def test_f30_a_prone_patient_is_remarked(
    series: tuple[Path, ...], ct: Volume, edit: Edit, ear: Ear
) -> None:
    for path in series:
        edit(path, PatientPosition="FFP")
    assert np.array_equal(read_series(series[0].parent, on_event=ear).data, ct.data)
    assert ear.heard("patient position FFP")


@pytest.mark.parametrize("differs", [{"PatientID": "P8"}, {"PatientSex": "F"}])
def test_f33_another_patient_in_the_folder_is_an_error(
    series: tuple[Path, ...], ct: Volume, edit: Edit, differs: dict[str, object]
) -> None:
    other = series[0].parent / "other"
    for path in write_series(ct, other, SeriesIdentity(patient="P7", series="x")):
        edit(path, **differs)
    word = "PatientID" if "PatientID" in differs else "sex"
    with pytest.raises(ImageFileError, match=f"2 patients, who differ in {word}"):
        read_series(series[0].parent)


def test_f34_a_follow_up_study_needs_a_decision(
    series: tuple[Path, ...], ct: Volume, edit: Edit
) -> None:
    late = SeriesIdentity(patient="P7", study="later", series="portal")
    for path in write_series(shifted(ct, 5), series[0].parent / "later", late):
        edit(path, StudyDate="20200301")
    with pytest.raises(ImageFileError, match=r"2 studies, of \['', '20200301'\]"):
        read_series(series[0].parent)
    chosen = ReadOptions(study_uid=uid_of("P7", "later"))
    assert np.array_equal(read_series(series[0].parent, chosen).data, ct.data + 5)


def test_f35_foreign_letters_are_read_and_not_repeated(
    tmp_path: Path, ct: Volume, ear: Ear
) -> None:
    identity = SeriesIdentity(
        patient="Zhang^San=张^三",
        series="门静脉期",
        attributes={"SpecificCharacterSet": "GB18030", "PatientPosition": "HFP"},
    )
    write_series(ct, tmp_path / "series", identity)
    (found,) = list_series(tmp_path / "series")
    assert found.first.description == "门静脉期"
    read_series(tmp_path / "series", on_event=ear)
    assert ear
    assert not any("张" in str(event) or "Zhang" in str(event) for event in ear)
