# SPDX-License-Identifier: Apache-2.0
"""CLEAR: 58 items for radiomics research (Kocak 2023, Insights Imaging 14:75)."""

from __future__ import annotations

from hepacast.report.checklists.item import Checklist, Item

CLEAR = Checklist(
    "CLEAR",
    "Kocak B, et al. Insights Imaging 2023;14:75",
    (
        Item("1", "Title names the method", run="title", add="Name radiomics and the modality."),
        Item("2", "Structured abstract", add="Write it; numbers are in the Summary."),
        Item("3", "Key words", declared="keywords", add="Choose them."),
        Item("4", "Background", declared="context", add="Write it."),
        Item("5", "Why radiomics", declared="rationale", add="Write it."),
        Item("6", "Objectives", declared="objectives", add="State them."),
        Item("7", "Guidelines followed", run="methods", add="Hand these checklists in."),
        Item("8", "Ethics", declared="ethics", add="Approval, consent, data protection."),
        Item("9", "Sample size", run="sample size"),
        Item("10", "Kind of study", run="design"),
        Item(
            "11", "Eligibility", run="flow", declared="eligibility", add="State inclusion criteria."
        ),
        Item(
            "12", "Diagram of the technical steps", run="steps", add="Draw the steps as a diagram."
        ),
        Item(
            "13",
            "Source of the data",
            declared="data_source",
            add="Private or public, and which part.",
        ),
        Item("14", "Overlap with earlier papers", declared="overlap", add="State it, or none."),
        Item("15", "Division of the data", run="split"),
        Item(
            "16",
            "Imaging protocol",
            declared="imaging_protocol",
            add="Scanner, contrast, reconstruction.",
        ),
        Item("17", "Other predictors", run="characteristics"),
        Item("18", "Reference standard", run="definition"),
        Item(
            "19",
            "Segmentation",
            run="pictures",
            declared="segmentation",
            add="Tool, rules, 2D or 3D.",
        ),
        Item("20", "Who segmented", declared="operators", add="Number, experience, blinding."),
        Item("21", "Preprocessing of images", run="radiomics"),
        Item("22", "Resampling", run="radiomics"),
        Item("23", "Discretisation", run="radiomics"),
        Item("24", "Kinds of images, filters", run="radiomics"),
        Item("25", "Extraction", run="radiomics"),
        Item("26", "Families of features", run="radiomics"),
        Item("27", "Number of features", run="count"),
        Item("28", "Settings left at default", run="study file"),
        Item("29", "Missing data", run="missing"),
        Item("30", "Class imbalance", declared="imbalance", add="State methods used, or none."),
        Item(
            "31",
            "Reliability of the segmentation",
            declared="reliability",
            add="Repeat masks and give ICC.",
        ),
        Item("32", "Scaling", run="steps"),
        Item("33", "Reduction of dimension", run="funnel"),
        Item("34", "Algorithm", run="algorithm"),
        Item("35", "Training and tuning", run="split"),
        Item("36", "Confounders", declared="confounders", add="Say how they were handled."),
        Item("37", "Choice of the model", run="internal"),
        Item("38", "Testing", run="internal"),
        Item("39", "Measures of performance", run="measures"),
        Item("40", "Uncertainty", run="discrimination"),
        Item("41", "Statistical comparison", run="comparisons"),
        Item("42", "Against models without radiomics", run="baselines"),
        Item("43", "Interpretability", run="coefficients"),
        Item("44", "Characteristics", run="characteristics"),
        Item("45", "Flow of participants", run="flow"),
        Item("46", "Statistics of features", run="funnel"),
        Item("47", "Performance", run="discrimination"),
        Item("48", "Result against models without radiomics", run="comparisons"),
        Item("49", "Main findings", add="Discuss."),
        Item("50", "Earlier work", add="Discuss."),
        Item("51", "Practical meaning", add="Discuss."),
        Item("52", "Strengths and limits", run="controls", add="Discuss; start from the warnings."),
        Item(
            "53", "Images and masks shared", declared="data_sharing", add="State how, or why not."
        ),
        Item(
            "54",
            "Features shared",
            run="tables",
            declared="feature_sharing",
            add="Deposit the feature table.",
        ),
        Item("55", "Preprocessing settings shared", run="study file"),
        Item("56", "Code shared", run="software", declared="code_sharing", add="Give the address."),
        Item("57", "Model files shared", declared="model_sharing", add="Deposit the model."),
        Item("58", "System shared", declared="system_sharing", add="State how, or why not."),
    ),
)
