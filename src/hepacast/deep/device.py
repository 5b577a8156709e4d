# SPDX-License-Identifier: Apache-2.0
"""What the machine computes on: the one place that chooses a device, threads and memory."""

from __future__ import annotations

import ctypes
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRIM, _MMAP_SIZE, _MMAP_COUNT = -1, -3, -4
"""Numbers of the settings in glibc's malloc.h."""
_MIB = 2**20


def pick_device() -> torch.device:
    """Return the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(network: torch.nn.Module) -> torch.device:
    """Return where the weights of a network lie.

    Examples
    --------
    >>> device_of(torch.nn.Linear(2, 1))
    device(type='cpu')
    """
    return next(network.parameters()).device


def has_bfloat16(device: torch.device) -> bool:
    """Whether the processor multiplies in bfloat16; elsewhere it would only be slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # The operator is missing where torch was built without oneDNN.
    known = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return known and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: sums then have one order, and processes do not fight for cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def steady(device: torch.device) -> Iterator[None]:
    """Ask a GPU for kernels that give the same bits again; a CPU has no others here."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(deterministic=True, benchmark=False):
        yield


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let the process keep the memory of one update for the next.

    glibc hands every large block back to the system, which clears it page by page when it is
    taken again: a quarter of the CPU time of an update of 64 pictures of 256 x 256.  In one
    process of seven nothing was kept, and nothing lost.  Other systems are left alone.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(_MMAP_COUNT, 0)
    libc.mallopt(_TRIM, 2**31 - 1)
    try:
        yield
    finally:
        # Where glibc's own rule ends up after the first block of 32 MiB was freed.
        libc.mallopt(_MMAP_COUNT, 65536)
        libc.mallopt(_MMAP_SIZE, 32 * _MIB)
        libc.mallopt(_TRIM, 64 * _MIB)
        libc.malloc_trim(0)
