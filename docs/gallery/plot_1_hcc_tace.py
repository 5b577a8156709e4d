# SPDX-License-Identifier: Apache-2.0
"""
Survival after TACE: 84 real patients
=====================================

HCC-TACE-Seg (TCIA, CC BY 4.0): clinical variables against 420 published features of tumour, liver
and vessels.
"""

# %%
# Take the study file as it stands, with one outcome, one repeat of the folds, and without the
# controls, which would be 50 whole runs more.
import re
from pathlib import Path
from tempfile import mkdtemp

from hepacast.report.figures.forest import draw_models
from hepacast.report.figures.survival import draw_overall, draw_risk_groups
from hepacast.report.write import read_result
from hepacast.run.execution import Execution
from hepacast.run.recipes import Size, write_recipe
from hepacast.run.whole import run_study

DATA = Path("../../../shared/data/hcc_tace_seg").resolve()
folder = Path(mkdtemp())
study = folder / "study.yaml"
if DATA.is_dir():
    example = Path("../../examples/hcc-tace")
    text = (example / "study.yaml").read_text(encoding="utf-8")
    text = text.replace("../../../shared/data", str(DATA.parent))
    text = text[: text.index("  time_to_progression:\n")] + text[text.index("features:") :]
    (folder / "fields.yaml").write_bytes((example / "fields.yaml").read_bytes())
    print("84 real patients")
else:
    write_recipe("cect-progression", folder, Size(tables=True, share=0.05), phantom=True)
    text = study.read_text(encoding="utf-8")
    print("The data are absent: synthetic patients of another study stand in.")
for short in ("repeats: 1", "permuted_labels: 0"):
    text = re.sub(rf"\b{short.split(':')[0]}: \d+", short, text)
_ = study.write_text(text, encoding="utf-8")

# %%
# Run it.
finished = run_study(study, folder / "results", execution=Execution(1))
print("\n".join(finished.summary))

# %%
# How long patients lived, all of them.
outcome = read_result(folder / "results" / "result.json").outcomes[0]
draw_overall(outcome)

# %%
# Every model. Filled marks are patients whom the model had not seen; the distance to the hollow
# mark is optimism.
draw_models(outcome)

# %%
# Risk groups of the first model; the cut-off was fitted on the training part of every fold.
draw_risk_groups(outcome)[0]
