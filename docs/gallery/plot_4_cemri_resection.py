# SPDX-License-Identifier: Apache-2.0
"""
Recurrence after resection, from contrast-enhanced MRI
======================================================

Radiomic, deep and clinical scores, alone and stacked, beside published clinical scores.
"""

# %%
# Write the recipe and synthetic tables of the paper's cohort, with a small share of its columns.
# ``site_studies``, in the folder ``docs``, leaves three folds of five.
from pathlib import Path
from tempfile import mkdtemp

from site_studies import shorten

from hepacast.report.figures.decision import draw_decision
from hepacast.report.figures.forest import draw_models
from hepacast.report.write import read_result
from hepacast.run.work.execution import Execution
from hepacast.run.recipes import Size, write_recipe
from hepacast.run.whole import run_study

folder = Path(mkdtemp())
write_recipe("cemri-resection", folder, Size(tables=True, share=0.01), phantom=True)
study = folder / "study.yaml"
shorten(study)
finished = run_study(study, folder / "results", execution=Execution(1))
print("\n".join(finished.summary))
outcome = read_result(folder / "results" / "result.json").outcomes[0]

# %%
# Every model on every cohort. Filled marks are patients whom the model had not seen; the distance
# to the hollow mark is optimism.
draw_models(outcome)

# %%
# What acting on a forecast is worth, at every threshold.
draw_decision(outcome)
