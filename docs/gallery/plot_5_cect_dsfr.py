# SPDX-License-Identifier: Apache-2.0
"""
Survival from deep semantic features of CT
==========================================

The mean of every level of a segmentation network's encoder, as features.
"""

# %%
# Write the recipe and synthetic tables of the paper's cohort, with a small share of its columns.
# ``site_studies``, in the folder ``docs``, leaves three folds of five.
from pathlib import Path
from tempfile import mkdtemp

from site_studies import shorten

from hepacast.report.figures.calibration import draw_calibration
from hepacast.report.figures.waterfall import draw_waterfall
from hepacast.report.write import read_result
from hepacast.run.work.execution import Execution
from hepacast.run.recipes import Size, write_recipe
from hepacast.run.whole import run_study

folder = Path(mkdtemp())
write_recipe("cect-dsfr", folder, Size(tables=True, share=0.02), phantom=True)
study = folder / "study.yaml"
shorten(study)
finished = run_study(study, folder / "results", execution=Execution(1))
print("\n".join(finished.summary))
outcome = read_result(folder / "results" / "result.json").outcomes[0]

# %%
# Predicted against observed risk.
draw_calibration(outcome)

# %%
# The score of every patient, by what became of the patient.
draw_waterfall(outcome, outcome.models[0])
