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


def _unique_mapping(loader: _Loader, node: yaml.MappingNode, deep: bool = False) -> object:  # noqa: FBT001, FBT002 - PyYAML's signature
    """Build a mapping, refusing a key that stands twice."""
    seen: set[object] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool | None):
            raise StudyError(
                what="a YAML key must be a word",
                got=f"a {type(key).__name__} in line {key_node.start_mark.line + 1}",
                fix="Write the key as plain text.",
            )
        if key in seen:
            raise StudyError(
                what="a key may stand only once in its block",
                got=f"{key!r} again in line {key_node.start_mark.line + 1}",
                fix="Remove one of the two.",
            )
        seen.add(key)
    return loader.construct_mapping(node, deep=deep)


_Loader.add_constructor("tag:yaml.org,2002:map", _unique_mapping)


def load_yaml(text: str, *, source: str) -> object:
    """Read YAML text into plain Python values.

    Raises
    ------
    StudyError
        If the text is not YAML, or a key stands twice.

    Examples
    --------
    >>> load_yaml("{id: 0012, answer: NO, p: 1e-3}", source="here")
    {'id': '0012', 'answer': 'NO', 'p': 0.001}
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
