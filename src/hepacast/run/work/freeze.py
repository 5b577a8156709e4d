# SPDX-License-Identifier: Apache-2.0
"""The project's own values as JSON and plain arrays: nothing that runs code when it is read.

Arrays, tables and whatever else is large become objects of their own, named by
their content, so that what many items share is written once.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from hepacast.core.errors import HepacastError
from hepacast.core.folds import Fitted
from hepacast.core.params import Params
from hepacast.core.provenance import canonical_json, digest_bytes
from hepacast.core.table import FeatureName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LARGE = 4_096
"""Characters above which a part becomes an object of its own."""
_INLINE = 512
_PLAIN = (str, bool, int, type(None))


class FrozenError(HepacastError, ValueError):
    """A value that cannot be written, or text that is not what was written."""


@dataclass(frozen=True, slots=True)
class Part:
    """One object: its kind of content, and its bytes."""

    form: str
    data: bytes


class Freezer:
    """Turn values into JSON, putting large parts aside.

    Parameters
    ----------
    put : callable
        ``put(digest, part)`` keeps one object; asked once per object.
    estimator : callable, optional
        ``estimator(value)`` turns what this package did not make into a part; without
        it such values are refused.

    Examples
    --------
    >>> kept = {}
    >>> text = Freezer(kept.__setitem__).freeze({"a": (1.5, FeatureName.clinical("AFP"))})
    >>> thaw(text, kept.__getitem__)
    {'a': (1.5, FeatureName(phase='-', region='-', filter='-', family='clinical', feature='AFP'))}
    """

    def __init__(
        self,
        put: Callable[[str, Part], object],
        estimator: Callable[[Any], Part | None] | None = None,
        *,
        whole: bool = False,
    ) -> None:
        self.put, self._estimator, self._whole = put, estimator, whole
        self._seen: set[str] = set()
        # By identity; the value is held too, for another one may get its address.
        self._known: dict[int, tuple[object, object]] = {}

    def freeze(self, value: object) -> str:
        """Write a value; equal values give equal text."""
        return canonical_json(self._tree(value))

    def _tree(self, value: object) -> object:  # noqa: PLR0911 - one return per kind of value
        """Turn a value into what JSON can say."""
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, float):
            return value if np.isfinite(value) else {"$float": repr(value)}
        if isinstance(value, FeatureName):
            return {"$name": str(value)}
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, list | tuple | set | frozenset):
            return self._many(value)
        if isinstance(value, Path):
            return {"$path": str(value)}
        if isinstance(value, FunctionType):
            return {"$function": _address(value)}
        if hasattr(value, "items"):
            return {"$dict": [[self._tree(k), self._tree(v)] for k, v in value.items()]}
        return self._instance(value)

    def _many(self, value: list[Any] | tuple[Any, ...] | set[Any] | frozenset[Any]) -> object:
        """Write several values."""
        if isinstance(value, set | frozenset):
            return {"$set": [self._tree(one) for one in sorted(value)]}
        if isinstance(value, list):
            return {"$list": [self._tree(one) for one in value]}
        if value and all(isinstance(one, FeatureName) for one in value):
            return {"$names": self._aside("\n".join(map(str, value)))}
        return {"$tuple": [self._tree(one) for one in value]}

    def _aside(self, text: str) -> object:
        """Leave a short text where it is, and make a long one an object."""
        if len(text) <= LARGE:
            return text
        return {"$part": self._keep(Part("text", text.encode()))}

    def _array(self, value: np.ndarray) -> object:
        """Write a short array as numbers, and a long one as an object."""
        if value.dtype == object:
            raise FrozenError(
                what="arrays are written as numbers, truth values or text",
                got="an array of objects",
                fix="This is a defect: please report it.",
            )
        if value.size <= _INLINE and value.dtype == np.float64 and np.isfinite(value).all():
            return {"$floats": value.ravel().tolist(), "shape": list(value.shape)}
        stream = io.BytesIO()
        np.save(stream, np.ascontiguousarray(value), allow_pickle=False)
        return {"$array": self._keep(Part("npy", stream.getvalue()))}

    def _instance(self, value: object) -> object:
        """Write an instance of one of our classes, once however often it occurs."""
        known = self._known.get(id(value))
        if known is not None:
            return known[1]
        tree = self._fields(value)
        if tree is None:
            part = None if self._estimator is None else self._estimator(value)
            if part is None:
                raise FrozenError(
                    what="only values of this package can be written",
                    got=f"{type(value).__module__}.{type(value).__qualname__}",
                    fix="This is a defect: please report it.",
                )
            tree = {"$estimator": self._keep(part), "form": part.form}
        else:
            text = canonical_json(tree)
            if len(text) > LARGE and not self._whole:
                tree = {"$tree": self._keep(Part("json", text.encode()))}
        self._known[id(value)] = (value, tree)
        return tree

    def _fields(self, value: object) -> dict[str, object] | None:
        """Take an instance apart; None if it is a stranger's."""
        kind = type(value)
        if not kind.__module__.startswith("hepacast."):
            return None
        if isinstance(value, Params):
            content = value.model_dump(mode="json", by_alias=True)
            return {"$params": _address(kind), "content": content}
        if is_dataclass(value):
            own = {f.name: self._tree(getattr(value, f.name)) for f in fields(value) if f.init}
            return {"$class": _address(kind), "fields": own}
        if isinstance(value, Fitted):
            state = {k: self._tree(v) for k, v in vars(value).items()}
            return {"$fitted": _address(kind), "state": state}
        return None

    def _keep(self, part: Part) -> str:
        """Put an object aside under its digest, once."""
        digest = digest_bytes(part.form.encode() + b"\0" + part.data)
        if digest not in self._seen:
            self._seen.add(digest)
            self.put(digest, part)
        return digest


def _address(kind: type | FunctionType) -> str:
    """Name a class or function of this package.

    Raises
    ------
    FrozenError
        For one that cannot be found again by its name.
    """
    module, name = kind.__module__, kind.__qualname__
    if not module.startswith("hepacast.") or getattr(import_module(module), name, None) is not kind:
        raise FrozenError(
            what="only named functions and classes of this package can be written",
            got=f"{module}.{name}",
            fix="Define it at the top of a module of hepacast.",
        )
    return f"{module}:{name}"


def thaw(
    text: str,
    get: Callable[[str], Part],
    estimator: Callable[[Part], Any] | None = None,
) -> Any:  # noqa: ANN401 - whatever was written
    """Read back what :class:`Freezer` wrote.

    Parameters
    ----------
    text : str
        JSON.
    get : callable
        Gives the object of a digest.
    estimator : callable, optional
        Makes what this package did not make; without it such values are refused.

    Raises
    ------
    FrozenError
        If the text names anything but values of this package.
    """
    try:
        return _Thawing(get, estimator).value(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        if isinstance(error, HepacastError):
            raise
        raise FrozenError(
            what="a kept value must read back as it was written",
            got=f"{type(error).__name__}: {error}",
            fix="Delete it: it is made again.",
        ) from error


class _Thawing:
    """Reading of one value; objects are read once."""

    def __init__(self, get: Callable[[str], Part], estimator: Callable[[Part], Any] | None) -> None:
        self._get, self._estimator = get, estimator
        self._trees: dict[str, Any] = {}

    def value(self, tree: Any) -> Any:  # noqa: ANN401 - JSON in, anything out
        """Make a value from what JSON said."""
        if not isinstance(tree, dict):
            return tree
        kind = next(iter(sorted(tree)))
        makers: Mapping[str, Callable[[Any], Any]] = {
            "$float": lambda t: float(t["$float"]),
            "$name": lambda t: FeatureName.parse(t["$name"]),
            "$names": self._names,
            "$floats": lambda t: np.array(t["$floats"], np.float64).reshape(t["shape"]),
            "$array": lambda t: _array_of(self._get(t["$array"]).data),
            "$list": lambda t: [self.value(one) for one in t["$list"]],
            "$tuple": lambda t: tuple(self.value(one) for one in t["$tuple"]),
            "$set": lambda t: frozenset(self.value(one) for one in t["$set"]),
            "$dict": lambda t: {self.value(k): self.value(v) for k, v in t["$dict"]},
            "$path": lambda t: Path(t["$path"]),
            "$function": lambda t: _find(t["$function"], FunctionType),
            "$tree": self._shared,
            "$class": self._dataclass,
            "$params": lambda t: _find(t["$params"], type).model_validate(t["content"]),
            "$fitted": self._fitted,
            "$estimator": self._stranger,
        }
        return makers[kind](tree)

    def _names(self, tree: dict[str, Any]) -> tuple[FeatureName, ...]:
        """Read column names."""
        text = tree["$names"]
        if isinstance(text, dict):
            text = self._get(text["$part"]).data.decode()
        return tuple(map(FeatureName.parse, text.split("\n")))

    def _shared(self, tree: dict[str, Any]) -> Any:  # noqa: ANN401 - anything
        """Read an object that several values may share, once."""
        digest = tree["$tree"]
        if digest not in self._trees:
            self._trees[digest] = self.value(json.loads(self._get(digest).data))
        return self._trees[digest]

    def _dataclass(self, tree: dict[str, Any]) -> Any:  # noqa: ANN401 - anything
        """Make a dataclass through its own checks."""
        kind = _find(tree["$class"], type)
        make: Callable[..., Any] = kind
        if not hasattr(kind, "__dataclass_fields__"):
            raise _refused(tree["$class"])
        return make(**{name: self.value(one) for name, one in tree["fields"].items()})

    def _fitted(self, tree: dict[str, Any]) -> Fitted:
        """Make something that learned, with all that it learned."""
        kind = _find(tree["$fitted"], type)
        if not issubclass(kind, Fitted):
            raise _refused(tree["$fitted"])
        made: Fitted = kind.__new__(kind)
        for name, one in tree["state"].items():
            setattr(made, name, self.value(one))
        return made

    def _stranger(self, tree: dict[str, Any]) -> Any:  # noqa: ANN401 - an estimator
        """Read an estimator of another package, if somebody here knows how."""
        if self._estimator is None:
            raise _refused(tree["form"])
        return self._estimator(Part(tree["form"], self._get(tree["$estimator"]).data))


def _array_of(data: bytes) -> np.ndarray:
    """Read an array; it is frozen, as arrays of this package are."""
    array: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
    array.flags.writeable = False
    return array


def _find(address: str, kind: type) -> Any:  # noqa: ANN401 - a class or function
    """Find a class or function of this package by its name."""
    module, _, name = address.partition(":")
    if not module.startswith("hepacast.") or not name.isidentifier():
        raise _refused(address)
    found = getattr(import_module(module), name)
    if not isinstance(found, kind) or not found.__module__.startswith("hepacast."):
        raise _refused(address)
    return found


def _refused(got: str) -> FrozenError:
    return FrozenError(
        what="only values of this package are read",
        got=got,
        fix="Delete the file; it was not written by hepacast.",
    )
