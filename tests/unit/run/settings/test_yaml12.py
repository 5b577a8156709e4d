# SPDX-License-Identifier: Apache-2.0
"""YAML in which a case id stays what was written."""

from __future__ import annotations

import pytest

from hepacast.core.errors import StudyError
from hepacast.run.settings.study import parse_study
from hepacast.run.settings.yaml12 import load_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0012", "0012"),
        ("007", "007"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("1e-3", 0.001),
        ("1.5E+3", 1500.0),
        (".5", 0.5),
        ("-7", -7),
        ("0", 0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("12:30:45", "12:30:45"),
        ("2020-01-31", "2020-01-31"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_a_scalar_is_what_yaml_12_says(text: str, value: object) -> None:
    assert load_yaml(f"a: {text}", source="s.yaml") == {"a": value}


@pytest.mark.parametrize("key", ["true", "no", "0012", "1", "1.5", "null", "2020-01-31"])
def test_a_key_is_text_as_it_was_written(key: str) -> None:
    assert load_yaml(f"{key}: x", source="s.yaml") == {key: "x"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "'a' again in line 3"),
        ("a:\n  b: 1\n  b: 2\n", "'b' again in line 3"),
        ("a: [1, 2\n", "must be YAML"),
        ("a: b: c\n", "must be YAML"),
        ("a: *nowhere\n", "undefined alias"),
        ("a: !!python/name:os.system x\n", "must be YAML"),
        ("a: !custom x\n", "must be YAML"),
        ("[1, 2]: 3\n", "must be a word"),
        ("a: 1\n---\nb: 2\n", "must be YAML"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_file(text: str, said: str) -> None:
    with pytest.raises(StudyError, match=said) as caught:
        load_yaml(text, source="s.yaml")
    assert caught.value.where["file"] == "s.yaml"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_nothing_reads_as_nothing(text: str) -> None:
    assert load_yaml(text, source="s.yaml") is None
    with pytest.raises(StudyError, match=r"s\.yaml"):
        parse_study(text, source="s.yaml")


def test_an_anchor_is_used_again() -> None:
    assert load_yaml("a: &x {p: 1}\nb: *x\n", source="s") == {"a": {"p": 1}, "b": {"p": 1}}
