# SPDX-License-Identifier: Apache-2.0
"""METRICS: 30 items on the quality of radiomics research (Kocak 2024, Insights Imaging 15:8).

Whether an item is met is a judgement; this list says where to look, and gives no score.
"""

from __future__ import annotations

from hepacast.report.checklists.item import Checklist, Item

METRICS = Checklist(
    "METRICS",
    "Kocak B, et al. Insights Imaging 2024;15:8",
    (
        Item("1", "Guidelines followed", run="methods"),
        Item(
            "2",
            "Representative eligibility",
            run="flow",
            declared="eligibility",
            add="State criteria.",
        ),
        Item("3", "Good reference standard", run="definition"),
        Item("4", "Several centres", run="external", declared="setting", add="State the centres."),
        Item(
            "5",
            "Images as in practice",
            declared="imaging_protocol",
            add="State the standard followed.",
        ),
        Item(
            "6",
            "Imaging protocol",
            declared="imaging_protocol",
            add="Scanner, contrast, reconstruction.",
        ),
        Item("7", "Time between image and outcome", run="followup", add="State the index date."),
        Item(
            "8",
            "Segmentation described",
            run="pictures",
            declared="segmentation",
            add="Tool and rules.",
        ),
        Item(
            "9",
            "Automatic segmentation tested",
            declared="automatic_masks",
            add="Only where masks are automatic.",
        ),
        Item(
            "10",
            "Test masks by one reader or tool",
            declared="operators",
            add="State who drew them.",
        ),
        Item("11", "Preprocessing", run="radiomics"),
        Item("12", "Standardised software", run="software"),
        Item("13", "Extraction settings", run="study file"),
        Item(
            "14",
            "Unstable features removed",
            declared="reliability",
            add="Repeat masks and give ICC.",
        ),
        Item("15", "Redundant features removed", run="funnel"),
        Item("16", "Dimension fits the sample", run="sample size"),
        Item(
            "17",
            "Robustness of deep learning",
            declared="deep_robustness",
            add="Only for end-to-end networks.",
        ),
        Item("18", "Division of the data", run="split"),
        Item("19", "Confounders", declared="confounders", add="Say how they were handled."),
        Item("20", "Measures that fit the task", run="measures"),
        Item("21", "Uncertainty", run="discrimination"),
        Item("22", "Calibration", run="calibration"),
        Item(
            "23",
            "One or several kinds of images",
            declared="uniparametric",
            add="Show what one alone reaches.",
        ),
        Item("24", "Against what is used without radiomics", run="baselines"),
        Item("25", "Against simple models", run="comparisons"),
        Item("26", "Internal testing", run="internal"),
        Item("27", "External testing", run="external"),
        Item("28", "Data available", declared="data_sharing", add="State how, or why not."),
        Item("29", "Code available", declared="code_sharing", add="Give the address."),
        Item("30", "Model available", declared="model_sharing", add="Deposit the model."),
    ),
)
