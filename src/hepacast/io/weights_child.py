# SPDX-License-Identifier: Apache-2.0
"""Turns a weight file of another format into safetensors; run as a program of its own.

Nothing of this package is imported here: the program is started isolated, under
limits, on files that nobody has vouched for.  It prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

_WRAPPERS = ("state_dict", "model_state_dict", "network_weights", "model", "net")
_GIB = 2**30


def limit(file_bytes: int) -> None:
    """Bound memory, time and the size of files of this process, where the system can."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    for what, most in (
        (resource.RLIMIT_AS, 12 * _GIB + 6 * file_bytes),
        (resource.RLIMIT_CPU, 600),
        (resource.RLIMIT_FSIZE, 4 * file_bytes + 2**20),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (bound, bound))


def from_torch(source: Path, target: Path) -> dict[str, str]:
    """Read with the restricted unpickler, keep tensors only, and write them."""
    import torch  # noqa: PLC0415 - after the limits
    from safetensors.torch import save_file  # noqa: PLC0415

    content = torch.load(source, map_location="cpu", weights_only=True)
    if isinstance(content, Mapping):
        for wrapper in _WRAPPERS:
            if isinstance(content.get(wrapper), Mapping):
                content = content[wrapper]
                break
    if not isinstance(content, Mapping):
        msg = f"not a mapping of names to tensors but {type(content).__name__}"
        raise TypeError(msg)
    # Copies: names that share memory cannot be written side by side.
    tensors = {
        str(name): value.detach().clone().contiguous()
        for name, value in content.items()
        if isinstance(value, torch.Tensor)
    }
    if not tensors:
        msg = "no tensor in it"
        raise ValueError(msg)
    metadata = {"format": "torch"}
    save_file(tensors, target, metadata=metadata)
    return metadata


def from_keras(source: Path, target: Path) -> dict[str, str]:
    """Read the layers of a Keras weight file, in their order, and write them."""
    import h5py  # noqa: PLC0415 - after the limits
    import numpy as np  # noqa: PLC0415
    from safetensors.numpy import save_file  # noqa: PLC0415

    def text(names: Iterable[bytes | str]) -> list[str]:
        return [one.decode() if isinstance(one, bytes) else str(one) for one in names]

    with h5py.File(source, "r") as file:
        group = file.get("model_weights", file)
        layers = text(group.attrs["layer_names"])
        arrays = {}
        for layer in layers:
            for name in text(group[layer].attrs["weight_names"]):
                arrays[name.removesuffix(":0")] = np.asarray(group[layer][name], np.float32)
        metadata = {"format": "keras", "layers": json.dumps(layers)}
        if "header/voxel_size" in file:
            size = np.asarray(file["header/voxel_size"], np.float64).tolist()
            metadata["voxel_size_mm"] = json.dumps(size)
    save_file(arrays, target, metadata=metadata)
    return metadata


def reason_of(message: str) -> str:
    """Keep the reason of torch's message, without its advice to switch the protection off."""
    _, found, reason = message.partition("WeightsUnpickler error: ")
    text = reason.partition(". Please")[0] if found else message.partition(". ")[0]
    return (text.strip().splitlines() or ["no reason"])[0]


READERS: dict[str, Callable[[Path, Path], dict[str, str]]] = {
    "torch": from_torch,
    "keras": from_keras,
}


def main(kind: str, source: Path, target: Path) -> int:
    """Convert one file; any failure becomes one line."""
    limit(source.stat().st_size)
    try:
        answer: dict[str, object] = {"metadata": READERS[kind](source, target)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {reason_of(str(error))}"[:300]}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
