# SPDX-License-Identifier: Apache-2.0
"""
Progression from portal-phase CT
================================

Deep features of one phase, five centres: a signature with risk groups.
"""

# %%
# Write the recipe and synthetic tables of the paper's cohort, with a small share of its columns.
# ``site_studies``, in the folder ``docs``, leaves three folds of five.
from pathlib import Path
from tempfile import mkdtemp

from site_studies import shorten

from hepacast.report.figures.pick import views
from hepacast.report.figures.survival import draw_risk_groups
from hepacast.report.write import read_result
from hepacast.run.work.execution import Execution
from hepacast.run.recipes import Size, write_recipe
from hepacast.run.whole import run_study

folder = Path(mkdtemp())
write_recipe("cect-progression", folder, Size(tables=True, share=0.05), phantom=True)
study = folder / "study.yaml"
shorten(study)
finished = run_study(study, folder / "results", execution=Execution(1))
print("\n".join(finished.summary))
survival = read_result(folder / "results" / "result.json").outcomes[-1]

# %%
# Risk groups of the first model, out of fold: who lived how long.
out_of_fold, *tests = views(survival)
draw_risk_groups(survival, out_of_fold)[0]

# %%
# The same cut-off in patients who were set aside from the start.
draw_risk_groups(survival, tests[0])[0]
