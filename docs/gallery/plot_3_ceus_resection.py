# SPDX-License-Identifier: Apache-2.0
"""
Recurrence after resection, from contrast ultrasound
====================================================

Features of grey-scale and contrast ultrasound clips, read twice; mRMR and LASSO.
"""

# %%
# Write the recipe and synthetic tables of the paper's cohort, with a small share of its columns.
# ``site_studies``, in the folder ``docs``, leaves three folds of five.
from pathlib import Path
from tempfile import mkdtemp

from site_studies import shorten

from hepacast.report.figures.roc import draw_roc
from hepacast.report.figures.selection import draw_frequency, draw_funnel
from hepacast.report.write import read_result
from hepacast.run.work.execution import Execution
from hepacast.run.recipes import Size, write_recipe
from hepacast.run.whole import run_study

folder = Path(mkdtemp())
write_recipe("ceus-resection", folder, Size(tables=True, share=0.01), phantom=True)
study = folder / "study.yaml"
shorten(study)
finished = run_study(study, folder / "results", execution=Execution(1))
print("\n".join(finished.summary))
outcome = read_result(folder / "results" / "result.json").outcomes[0]

# %%
# How few columns are left after each step of the imaging score: those that two readings agree on,
# those that say something new, and those that the LASSO keeps.
imaging = next(one for one in outcome.models if one.name == "DLR")
draw_funnel(outcome, imaging)

# %%
# Another training part, other columns: how many folds chose each.
draw_frequency(outcome, imaging)

# %%
# ROC curves of patients whom the models had not seen.
draw_roc(outcome)
