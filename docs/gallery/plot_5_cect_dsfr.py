# SPDX-License-Identifier: Apache-2.0
"""
Survival from deep semantic features of CT
==========================================

The mean of every level of a segmentation network's encoder, as features.
"""

# %%
# Write the recipe and synthetic tables of the paper's cohort, with a small share of its columns.
import re
from pathlib import Path
from tempfile import mkdtemp

from hepacast.report.figures.calibration import draw_calibration
from hepacast.report.figures.forest import draw_models
from hepacast.report.write import read_result
from hepacast.run.execution import Execution
from hepacast.run.recipes import Size, write_recipe
from hepacast.run.whole import run_study

folder = Path(mkdtemp())
write_recipe("cect-dsfr", folder, Size(tables=True, share=0.02), phantom=True)
study = folder / "study.yaml"
text = study.read_text(encoding="utf-8")
print(text[text.index("scores:") : text.index("split:")])

# %%
# Run it, with three folds instead of five.
for short in ("outer: 3", "inner: 3", "repeats: 1"):
    text = re.sub(rf"\b{short.split(':')[0]}: \d+", short, text)
study.write_text(text, encoding="utf-8")
finished = run_study(study, folder / "results", execution=Execution(1))
print("\n".join(finished.summary))

# %%
# Every model on every cohort. Filled marks are patients whom the model had not seen; the distance
# to the hollow mark is optimism.
outcome = read_result(folder / "results" / "result.json").outcomes[0]
draw_models(outcome)

# %%
# Predicted against observed risk.
draw_calibration(outcome)
