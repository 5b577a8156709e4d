# SPDX-License-Identifier: Apache-2.0
"""
Early recurrence after ablation, from multi-phase CT
====================================================

Seven combinations of three scores, six algorithms: who would have been called the winner?
"""

# %%
# Write the recipe and synthetic tables of the paper's cohort, with a small share of its columns.
# ``site_studies``, in the folder ``docs``, leaves three folds of five and one of three outcomes.
from pathlib import Path
from tempfile import mkdtemp

from site_studies import shorten

from hepacast.report.figures.forest import draw_all_models
from hepacast.report.write import read_result
from hepacast.run.work.execution import Execution
from hepacast.run.recipes import Size, write_recipe
from hepacast.run.whole import run_study

folder = Path(mkdtemp())
write_recipe("cect-ablation", folder, Size(tables=True, share=0.003), phantom=True)
study = folder / "study.yaml"
shorten(study, first_only=True)
finished = run_study(study, folder / "results", execution=Execution(1))
print("\n".join(finished.summary))
outcome = read_result(folder / "results" / "result.json").outcomes[0]

# %%
# Choosing where one judges.
print(outcome.winner)

# %%
# The same models on every cohort, in the study file's order.
every = draw_all_models(outcome)
every[0]

# %%
every[-1]
