"""Weights: safetensors, and a way in that runs nothing."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from hepacast.cli.main import main
from hepacast.core.errors import WeightsError
from hepacast.io import weights
from hepacast.io.weights import import_weights, read_weights, write_weights


class Harm:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


def test_a_checkpoint_keeps_its_tensors_and_nothing_else(tmp_path: Path) -> None:
    weight = torch.arange(6.0).reshape(2, 3)
    torch.save(
        {"epoch": 3, "state_dict": {"module.a": weight, "module.b": weight[0]}},
        tmp_path / "net.pth",
    )
    found = import_weights(tmp_path / "net.pth", tmp_path / "net.safetensors")
    assert sorted(found.arrays) == ["module.a", "module.b"]
    assert np.array_equal(found.arrays["module.b"], [0, 1, 2])
    assert len(found.metadata["source"]) == 64


@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_a_hostile_file_is_refused_and_not_run(tmp_path: Path, writer: str) -> None:
    mark, source = tmp_path / "harmed", tmp_path / "net.pth"
    if writer == "pickle":
        source.write_bytes(pickle.dumps({"state_dict": Harm(mark)}))
    else:
        torch.save({"state_dict": {"a": torch.zeros(2), "b": Harm(mark)}}, source)
    with pytest.raises(WeightsError, match="tensors only"):
        import_weights(source, tmp_path / "net.safetensors")
    assert not mark.exists()
    assert not (tmp_path / "net.safetensors").exists()
    # The same file does harm where it is trusted, so that the test can fail.
    if writer == "pickle":
        pickle.loads(source.read_bytes())  # noqa: S301 - our own file
        assert mark.exists()


def test_keras_layers_keep_their_order(tmp_path: Path) -> None:
    source = tmp_path / "net.hdf5"
    with h5py.File(source, "w") as file:
        file.attrs["layer_names"] = [b"input_1", b"conv_2", b"conv_1"]
        for name, weights in (("input_1", []), ("conv_2", [b"conv_2/kernel:0"]), ("conv_1", [])):
            file.create_group(name).attrs["weight_names"] = weights
        file["conv_2"]["conv_2/kernel:0"] = np.ones((3, 3, 1, 1, 4))
        file["header/voxel_size"] = [3.0, 3.0, 3.0]
    archive = tmp_path / "package.whl"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(source, "package/models/../net.hdf5")
        file.writestr("package/other.hdf5", b"")
    found = import_weights(archive, tmp_path / "net.safetensors", member="net")
    assert found.metadata["layers"] == '["input_1", "conv_2", "conv_1"]'
    assert found.metadata["voxel_size_mm"] == "[3.0, 3.0, 3.0]"
    assert found.arrays["conv_2/kernel"].shape == (3, 3, 1, 1, 4)


def test_a_wheel_with_several_files_asks_which(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "package.whl", "w") as file:
        file.writestr("a/liver.hdf5", b"")
        file.writestr("a/lesion.hdf5", b"")
    with pytest.raises(WeightsError, match=r"2 of liver.hdf5, lesion.hdf5.*--member"):
        import_weights(tmp_path / "package.whl", tmp_path / "net.safetensors")


def test_the_command_says_how_many_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"a": torch.zeros(1000, 2)}, tmp_path / "net.pth")
    out = tmp_path / "net.safetensors"
    assert main(["import-weights", str(tmp_path / "net.pth"), str(out)]) == 0
    assert "1 arrays, 2,000 numbers" in capsys.readouterr().out
    assert main(["import-weights", str(tmp_path / "net.pth"), str(tmp_path / "net.bin")]) == 2


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = tmp_path / "child.py"
    text = weights._CHILD.read_text().replace("import h5py", "import h5py_that_is_absent")
    child.write_text(text)
    monkeypatch.setattr(weights, "_CHILD", child)
    (tmp_path / "net.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(WeightsError, match=r"h5py_that_is_absent.*pip install"):
        import_weights(tmp_path / "net.h5", tmp_path / "net.safetensors")


def test_only_safetensors_are_read(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"hepacast import-weights net\.pth net\.safetensors"):
        read_weights(tmp_path / "net.pth")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "net.safetensors"
    write_weights(place, {"a": np.zeros(100, np.float32)}, {})
    place.write_bytes(place.read_bytes()[:-7])
    with pytest.raises(WeightsError, match=r"net.safetensors\] a file of weights must be whole"):
        read_weights(place)
