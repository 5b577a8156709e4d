# SPDX-License-Identifier: Apache-2.0
"""
Survival after TACE: 84 real patients
=====================================

HCC-TACE-Seg (TCIA, CC BY 4.0): clinical variables against 420 published features of tumour, liver
and vessels.
"""

# %%
# Take the study file as it stands, with its first outcome. ``site_studies``, in the folder
# ``docs``, cuts it short: three folds, dealt once, and no controls, which would be whole runs more.
from pathlib import Path
from tempfile import mkdtemp

from site_studies import real_study, shorten

from hepacast.report.figures.forest import draw_models
from hepacast.report.figures.survival import draw_overall, draw_risk_groups
from hepacast.report.write import read_result
from hepacast.run.work.execution import Execution
from hepacast.run.whole import run_study

folder = Path(mkdtemp())
study = real_study("hcc-tace", "hcc_tace_seg", folder)
shorten(study, first_only=True)
text = study.read_text(encoding="utf-8")
print(text[text.index("scores:") :])

# %%
# Run it.
finished = run_study(study, folder / "results", execution=Execution(1))
print("\n".join(finished.summary))
outcome = read_result(folder / "results" / "result.json").outcomes[0]

# %%
# How long patients lived, all of them.
draw_overall(outcome)

# %%
# Every model. Filled marks are patients whom the model had not seen; the distance to the hollow
# mark is optimism.
draw_models(outcome)

# %%
# Risk groups of the first model; the cut-off was fitted on the training part of every fold.
draw_risk_groups(outcome)[0]
