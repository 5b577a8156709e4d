"""One place chooses the device; memory of one update serves the next."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import hepacast
from hepacast.core.folds import Cohort, Fold
from hepacast.core.outcome import Binary
from hepacast.core.table import FeatureTable
from hepacast.deep import device, loop
from hepacast.deep.attribution import explain, logit
from hepacast.deep.crops import Crops
from hepacast.deep.networks import ResNet2dParams
from hepacast.deep.train import fit_network
from hepacast.deep.training import FitParams

GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt")


COUNT = """
import resource, torch
from hepacast.deep.device import kept_memory

def faults(rounds):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        torch.ones(16_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults(4)
with kept_memory():
    faults(4)
    within = faults(4)
print(before, within, faults(4))
"""


@pytest.mark.skipif(not GLIBC, reason="needs glibc's malloc")
def test_a_block_that_was_freed_is_used_again_while_training_lasts() -> None:
    # Processes of their own: what other tests freed would be found again in this one.  In one of
    # seven nothing was kept, as the system lays memory out by chance; that costs time only.
    runs = []
    for _ in range(4):
        done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, check=True)
        runs.append([int(one) for one in done.stdout.split()])
        if runs[-1][1] < 1000:
            break
    before, within, after = runs[-1]
    block = 16_000_000 * 4 / os.sysconf("SC_PAGESIZE")
    assert before > 3.9 * block
    assert within < block / 10
    assert after > 0.9 * block


def test_only_one_file_knows_of_graphics_cards() -> None:
    package = Path(hepacast.__file__).parent
    text = {path: path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    assert [path.name for path, code in text.items() if "torch.cuda" in code] == ["device.py"]


def test_a_network_is_trained_scored_and_explained_on_the_chosen_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    chosen = device.pick_device()

    def ask() -> torch.device:
        asked.append(chosen)
        return chosen

    monkeypatch.setattr(loop, "pick_device", ask)
    cases = tuple(f"c{at}" for at in range(12))
    pixels = np.random.default_rng(0).random((12, 3, 16, 16), dtype=np.float32)
    cohort = Cohort(FeatureTable(np.zeros((12, 0)), cases, ()), Binary(np.arange(12) % 2 == 0))
    fold = Fold(frozenset(cases[4:]), frozenset(cases[:4]))
    params = FitParams.model_validate(
        {"network": ResNet2dParams(in_channels=3), "loop": {"epochs": 1, "inner_share": 0}}
    )
    fitted = fit_network(fold.train(cohort), Crops(pixels, cases, ("a", "b", "c")), params)
    assert len(asked) == 1
    assert np.isfinite(fitted.apply(fold.test(cohort)).values).all()
    assert len(asked) == 2
    assert device.device_of(fitted.network) == chosen
    # The picture comes from the processor, wherever the network lies.
    assert np.isfinite(explain(fitted.network, torch.from_numpy(pixels[:1]), logit()).values).all()
