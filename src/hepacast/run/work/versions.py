# SPDX-License-Identifier: Apache-2.0
"""The software whose version can change a number."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from hepacast._version import __version__

_NUMERIC = ("numpy", "scipy", "scikit-learn", "numba", "SimpleITK", "pydicom")


def versions() -> dict[str, str]:
    """List the software whose version can change a number."""
    found = {"hepacast": __version__, "Python": platform.python_version()}
    for package in _NUMERIC:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
