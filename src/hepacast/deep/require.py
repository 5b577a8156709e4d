# SPDX-License-Identifier: Apache-2.0
"""The one place that asks for torch, and says what to do without it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from hepacast.core.errors import StudyError

if TYPE_CHECKING:
    from types import ModuleType

_EXTRA = frozenset({"torch", "monai", "safetensors"})


def require(module: str) -> ModuleType:
    """Import a module that needs the extra ``deep``.

    Raises
    ------
    StudyError
        If torch, MONAI or safetensors is not installed.

    Examples
    --------
    >>> require("hepacast.deep.networks").__name__
    'hepacast.deep.networks'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRA:
            raise
        raise StudyError(
            what="networks need the extra 'deep'",
            got=f"no package {error.name}",
            fix="Run: pip install hepacast[deep]",
        ) from error
