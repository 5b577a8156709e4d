"""Write survival_losses.json from torchsurv 0.2.0 and pycox 0.3.0; neither is needed to test.

python tests/reference/deep/survival_losses.py
"""

from __future__ import annotations

import importlib
import json
import warnings
from pathlib import Path

import torch


def main() -> None:
    cox = importlib.import_module("torchsurv.loss.cox").neg_partial_log_likelihood
    continuous = importlib.import_module("torchsurv.loss.survival").neg_log_likelihood
    discrete = importlib.import_module("pycox.models.loss").nll_logistic_hazard
    warnings.simplefilter("ignore")
    draw = torch.Generator().manual_seed(0)
    found: dict[str, list[dict[str, object]]] = {"cox": [], "discrete": [], "continuous": []}
    for top in (1000, 10, 3):  # from no ties to almost nothing else
        risk = torch.randn(40, generator=draw, dtype=torch.float64)
        time = (torch.rand(40, generator=draw, dtype=torch.float64) * top).ceil()
        event = torch.rand(40, generator=draw) < 0.6
        total = cox(risk, event, time, ties_method="efron", reduction="sum")
        found["cox"].append(
            {
                "risk": risk.tolist(),
                "time": time.tolist(),
                "event": event.tolist(),
                "loss": float(total) / int(event.sum()),
            }
        )
    for intervals in (2, 7):
        logits = torch.randn(30, intervals, generator=draw)
        last = torch.randint(0, intervals, (30,), generator=draw)
        event = torch.rand(30, generator=draw) < 0.5
        found["discrete"].append(
            {
                "logits": logits.tolist(),
                "last": last.tolist(),
                "event": event.tolist(),
                "loss": float(discrete(logits, last, event)),
            }
        )
    days = torch.linspace(0, 10, 2001)
    slope = torch.randn(12, generator=draw)
    rate = -2 + 0.1 * slope[:, None] * days
    time = days[torch.randint(1, 2000, (12,), generator=draw)]
    event = torch.rand(12, generator=draw) < 0.5
    found["continuous"].append(
        {
            "slope": slope.tolist(),
            "time": time.tolist(),
            "event": event.tolist(),
            "loss": float(continuous(rate, event, time, days)),
        }
    )
    Path(__file__).with_suffix(".json").write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
