# SPDX-License-Identifier: Apache-2.0
"""Content keys: equal inputs and settings have equal names."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hepacast.core.geometry import Grid


def digest_bytes(data: bytes) -> str:
    """Return the sha256 of bytes, in hexadecimal.

    Parameters
    ----------
    data : bytes
        Content of a file, or any other.

    Examples
    --------
    >>> digest_bytes(b"liver")[:12]
    'ebaf48a97257'
    """
    return hashlib.sha256(data).hexdigest()


def digest_array(array: np.ndarray, grid: Grid | None = None) -> str:
    """Digest voxels, type and geometry, so that a file moved or packed anew keeps its name.

    Parameters
    ----------
    array : ndarray
        Voxels, any type and shape.
    grid : Grid, optional
        Where they lie.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.zeros((2, 2), np.int16)
    >>> digest_array(one) == digest_array(one.copy()), digest_array(one) == digest_array(one.T + 1)
    (True, False)
    """
    state = hashlib.sha256(f"{array.dtype.str}{array.shape}{grid}".encode())
    state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()


def generator(seed: int, *key: object) -> np.random.Generator:
    """Make the random numbers of one item, whatever order or process it is worked on in.

    >>> first, again = (generator(7, "fold", 3).random() for _ in range(2))
    >>> first == again
    True
    """
    words = digest_bytes(repr((seed, *key)).encode())
    return np.random.default_rng(int(words[:32], 16))


def content_key(operator: str, version: int, params: object, inputs: Mapping[str, str]) -> str:
    """Name the result of an operator on inputs.

    Parameters
    ----------
    operator : str
        What computes.
    version : int
        Raised whenever the numbers of the operator change.
    params : JSON-like
        Resolved settings, defaults filled in; no paths, hosts or worker counts.
    inputs : mapping of role to digest
        What it computes from.

    Examples
    --------
    >>> content_key("glcm", 1, {"bins": 25}, {}) == content_key("glcm", 2, {"bins": 25}, {})
    False
    """
    record = {"op": operator, "version": version, "params": params, "inputs": dict(inputs)}
    return digest_bytes(canonical_json(record).encode())


def canonical_json(value: object) -> str:
    """Write JSON that is equal for equal values: sorted keys, no blanks, floats by repr.

    Parameters
    ----------
    value : object
        What JSON can hold; a number that is not finite is an error.

    Examples
    --------
    >>> canonical_json({"b": 0.1, "a": [1, None]})
    '{"a":[1,null],"b":0.1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
