"""Weights with a hostile header are refused, in little memory, and run nothing."""

from __future__ import annotations

import json
import pickle
import struct
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hepacast.core.errors import WeightsError
from hepacast.io.weights import read_weights, write_weights
from hepacast.run.predictor.estimators import load
from hepacast.run.work.freeze import FrozenError, Part

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("safetensors")


def framed(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """Put a header before data, as the format has it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(shape: list[int], offsets: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


HOSTILE = {
    "longer than any file": framed(b"{}", length=2**63),
    "longer than this file": framed(b"{}", length=2**20),
    "empty": b"",
    "no header": struct.pack("<Q", 0),
    "not JSON": framed(b"\xff" * 64),
    "deep": framed(b"[" * 50_000),
    "huge shape": framed(tensor([2**40, 2**40], [0, 4]), b"1234"),
    "shape that overflows": framed(tensor([2**62, 4], [0, 16]), b"1" * 16),
    "negative shape": framed(tensor([-1], [0, 4]), b"1234"),
    "offsets outside": framed(tensor([4], [0, 16]), b"1234"),
    "offsets backwards": framed(tensor([1], [4, 0]), b"1234"),
    "offsets with a gap": framed(tensor([1], [4, 8]), b"12345678"),
    "unknown type": framed(tensor([1], [0, 4], "OBJECT"), b"1234"),
    "a pickle": pickle.dumps({"a": np.zeros(3)}),
    "trailing bytes": framed(tensor([1], [0, 4]), b"1234" + b"x" * 99),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_refused_in_little_memory(name: str, tmp_path: Path) -> None:
    place = tmp_path / "net.safetensors"
    place.write_bytes(HOSTILE[name])
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match="whole"):
            read_weights(place)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_the_same_frame_with_honest_content_is_read(tmp_path: Path) -> None:
    place = tmp_path / "net.safetensors"
    place.write_bytes(framed(tensor([1], [0, 4]), struct.pack("<f", 2.5)))
    assert read_weights(place).arrays["a"].tolist() == [2.5]
    write_weights(place, {"a": np.ones(2, np.float32)}, {})
    assert read_weights(place).count == 2


@pytest.mark.parametrize("form", ["safetensors", "pickle", "torch", "joblib", "", "skops"])
def test_a_predictor_takes_estimators_of_known_forms_only(form: str) -> None:
    with pytest.raises(FrozenError, match="harmless"):
        load(Part(form, HOSTILE["a pickle"]))
