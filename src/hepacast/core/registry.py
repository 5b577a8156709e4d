# SPDX-License-Identifier: Apache-2.0
"""One place where a new part is added."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from hepacast.core.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hepacast.core.params import Params

F = TypeVar("F")


@dataclass(slots=True)
class Registry(Generic[F]):
    """Parts of one room, keyed by the ``kind`` literal of their settings.

    Registering twice under one name is an error: the meaning of a study file
    must not depend on import order.  Iterating gives the kinds.
    """

    room: str
    _parts: dict[type[Params], F] = field(default_factory=dict)

    def register(self, params: type[Params]) -> Callable[[F], F]:
        """Tie a settings class to the part that obeys it."""

        def bind(part: F) -> F:
            kind = params.model_fields["kind"].default
            if kind in self:
                msg = f"{self.room} already has a part called {kind!r}"
                raise ValueError(msg)
            self._parts[params] = part
            return part

        return bind

    def __contains__(self, kind: object) -> bool:
        return kind in set(self)

    def __iter__(self) -> Iterator[str]:
        for params in self._parts:
            yield str(params.model_fields["kind"].default)

    def __getitem__(self, params: Params) -> F:
        return self._parts[type(params)]

    def settings(self, kind: str) -> type[Params]:
        """Return the settings class of one kind."""
        return {str(p.model_fields["kind"].default): p for p in self._parts}[kind]

    def union(self) -> Any:  # noqa: ANN401 - the union is only known once parts are registered
        """Type of any block this room accepts, told apart by ``kind``."""
        return Annotated[reduce(or_, self._parts), Field(discriminator="kind")]

    def spellings(self) -> Any:  # noqa: ANN401 - as above
        """Type of a block in any of its forms, for the JSON Schema that editors check against."""
        kinds = Literal[tuple(self)]  # type: ignore[valid-type]
        short = []
        for kind in self:
            form = TypedDict(f"{self.room} {kind}", {kind: self.settings(kind) | None})  # type: ignore[misc]
            form.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
            short.append(form)
        return reduce(or_, short, self.union() | kinds)

    def parse(self, block: object) -> Params:
        """Turn one block of a study file into the settings of the right part.

        ``"lasso"`` is short for ``{kind: lasso}``, and ``{lasso: {folds: 5}}`` for
        ``{kind: lasso, folds: 5}``.
        """
        try:
            params: Params = TypeAdapter(self.union()).validate_python(self.spell_out(block))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise StudyError(
                what=f"{self.room} block is not valid at {place or 'its top'}: {first['msg']}",
                got=repr(block),
                fix=f"known kinds are {', '.join(sorted(self))}",
            ) from error
        return params

    def spell_out(self, block: object) -> object:
        """Write the two short forms of a block out in full."""
        if isinstance(block, str):
            return {"kind": block}
        if isinstance(block, dict) and "kind" not in block and len(block) == 1:
            (kind, rest), *_ = block.items()
            if rest is None or isinstance(rest, dict):
                return {"kind": kind, **(rest or {})}
        return block


def kind_of(params: Params) -> str:
    """Name the part that a settings block belongs to.

    Parameters
    ----------
    params : Params
        Settings with a ``kind``.

    Examples
    --------
    >>> from typing import Literal
    >>> from hepacast.core.params import Params
    >>> class LogParams(Params):
    ...     kind: Literal["log"] = "log"
    >>> kind_of(LogParams())
    'log'
    """
    return str(type(params).model_fields["kind"].default)
