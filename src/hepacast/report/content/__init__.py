# SPDX-License-Identifier: Apache-2.0
"""Everything a report shows, as one frozen object that round-trips through JSON.

Figures, tables and text are all drawn from it, so that they cannot disagree.
"""

from hepacast.report.content.base import Count, Counts, Estimate, Number, Numbers, Shown
from hepacast.report.content.curves import (
    Calibration,
    CalibrationPoint,
    Cut,
    DecisionCurve,
    Roc,
    SurvivalCurve,
    Survivals,
    TimeCurve,
)
from hepacast.report.content.document import Paragraph, Reference, ReportContent
from hepacast.report.content.equation import Baseline, Equation, Term
from hepacast.report.content.outcome import (
    CaseScore,
    Coefficient,
    Comparison,
    Evaluation,
    FunnelStep,
    Metric,
    Model,
    OutcomeReport,
    Permutation,
    Spread,
    Subgroup,
    Truth,
)
from hepacast.report.content.study import (
    Digest,
    Exclusion,
    Failure,
    FlowStep,
    Lock,
    Notice,
    Picture,
    Precision,
    Study,
    TableColumn,
    TableOne,
    TableRow,
)

__all__ = [
    "Baseline",
    "Calibration",
    "CalibrationPoint",
    "CaseScore",
    "Coefficient",
    "Comparison",
    "Count",
    "Counts",
    "Cut",
    "DecisionCurve",
    "Digest",
    "Equation",
    "Estimate",
    "Evaluation",
    "Exclusion",
    "Failure",
    "FlowStep",
    "FunnelStep",
    "Lock",
    "Metric",
    "Model",
    "Notice",
    "Number",
    "Numbers",
    "OutcomeReport",
    "Paragraph",
    "Permutation",
    "Picture",
    "Precision",
    "Reference",
    "ReportContent",
    "Roc",
    "Shown",
    "Spread",
    "Study",
    "Subgroup",
    "SurvivalCurve",
    "Survivals",
    "TableColumn",
    "TableOne",
    "TableRow",
    "Term",
    "TimeCurve",
    "Truth",
]
