# SPDX-License-Identifier: Apache-2.0
"""YAML without surprises: the 1.2 core scalars, and no key twice."""

from __future__ import annotations

import re

import yaml

from hepacast.core.errors import StudyError


class _Loader(yaml.SafeLoader):
    """PyYAML reads YAML 1.1, where 0012 is 10, NO is False and 1e-3 is text."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN"),
    # No leading zeros in numbers: 0012 must stay text, because it is a case id.
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(((0|[1-9]\d*)?\.\d+)|((0|[1-9]\d*)\.?))([eE][-+]?\d+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), [*_first, ""]
    )


def _unique_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, object]:
    """Build a mapping whose keys are text, refusing a key that stands twice."""
    found: dict[str, object] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise StudyError(
                what="a YAML key must be a word",
                got=f"a {key_node.id} in line {key_node.start_mark.line + 1}",
                fix="Write the key as plain text.",
            )
        # As written: `true:` and `0012:` are names of settings and columns, not values.
        key = str(key_node.value)
        if key in found:
            raise StudyError(
                what="a key may stand only once in its block",
                got=f"{key!r} again in line {key_node.start_mark.line + 1}",
                fix="Remove one of the two.",
            )
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _unique_mapping)


def load_yaml(text: str, *, source: str) -> object:
    """Read YAML text into plain Python values; keys are text always.

    Raises
    ------
    StudyError
        If the text is not YAML, or a key stands twice.

    Examples
    --------
    >>> load_yaml("{id: 0012, answer: NO, p: 1e-3, true: yes}", source="here")
    {'id': '0012', 'answer': 'NO', 'p': 0.001, 'true': 'yes'}
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise StudyError(
            what="the file must be YAML",
            got=str(getattr(error, "problem", error)),
            fix="Check indentation, colons and quotes there.",
        ).at(file=source, line=mark.line + 1 if mark else "?") from error
    except StudyError as error:
        raise error.at(file=source) from None
