# SPDX-License-Identifier: Apache-2.0
"""
Survival after resection: 227 real patients
===========================================

Clinical variables against three tissue markers (R data set hepatoCellular, CC0).
"""

# %%
# Take the study file as it stands, with its first outcome. ``site_studies``, in the folder
# ``docs``, cuts it short: three folds, dealt once, and no controls, which would be whole runs more.
from pathlib import Path
from tempfile import mkdtemp

from site_studies import real_study, shorten

from hepacast.report.figures.forest import draw_coefficients, draw_models
from hepacast.report.figures.nomogram import draw_nomogram
from hepacast.report.write import read_result
from hepacast.run.work.execution import Execution
from hepacast.run.whole import run_study

folder = Path(mkdtemp())
study = real_study("hepatocellular", "hepatocellular", folder)
shorten(study, first_only=True)
text = study.read_text(encoding="utf-8")
print(text[text.index("scores:") :])

# %%
# Run it.
finished = run_study(study, folder / "results", execution=Execution(1))
print("\n".join(finished.summary))
outcome = read_result(folder / "results" / "result.json").outcomes[0]

# %%
# Every model. Filled marks are patients whom the model had not seen; the distance to the hollow
# mark is optimism.
draw_models(outcome)

# %%
# What the model of both kinds of variables is made of.
both = next(one for one in outcome.models if len(one.ingredients) > 1)
draw_coefficients(outcome, both)

# %%
# The same model by hand: points, their sum, and the risk below it.
draw_nomogram(outcome, both)
