# SPDX-License-Identifier: Apache-2.0
"""The layer that a map looks at: found by name, listened to, left as it was."""

from __future__ import annotations

from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Self

from hepacast.core.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    import torch


def resolve_layer(network: torch.nn.Module, name: str | None) -> str:
    """Return the name of a layer, or of the last convolution block that the network declares.

    Raises
    ------
    StudyError
        If there is no such layer; the message lists those nearest in name.

    Examples
    --------
    >>> import torch
    >>> resolve_layer(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3)), "0")
    '0'
    """
    wanted = getattr(network, "cam_layer", None) if name is None else name
    layers = [one for one, _ in network.named_modules() if one]
    if wanted in layers:
        return str(wanted)
    near = get_close_matches(str(wanted), layers) or layers[-3:]
    raise StudyError(
        what="a map needs a layer of the network",
        got="no layer and no cam_layer" if wanted is None else f"layer {wanted!r}",
        fix=f"Name one of its layers, such as {', '.join(near)}.",
    )


def require_single(x: torch.Tensor) -> None:
    """Refuse anything but one image of two or three dimensions.

    Raises
    ------
    StudyError
        If ``x`` is not (1, channel, j, i) or (1, channel, k, j, i).
    """
    if x.ndim not in {4, 5} or x.shape[0] != 1:
        raise StudyError(
            what="a map explains one image: (1, channel, j, i) or (1, channel, k, j, i)",
            got=f"a tensor of {tuple(x.shape)}",
            fix="Pass the images one by one.",
        )


@contextmanager
def still(network: torch.nn.Module) -> Iterator[None]:
    """Hold a network in evaluation mode, and put every part back as it was."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


class Tap:
    """Listens to the outputs of one layer while a network runs.

    Parameters
    ----------
    network : torch.nn.Module
        The network.
    layer : str
        Name of the layer.
    differentiable : bool
        Begin the graph at the layer, so that frozen networks have gradients too.
    """

    def __init__(
        self, network: torch.nn.Module, layer: str, *, differentiable: bool = False
    ) -> None:
        self.outputs: list[torch.Tensor] = []
        self._module = dict(network.named_modules())[layer]
        self._differentiable = differentiable

    def __enter__(self) -> Self:
        self._handle = self._module.register_forward_hook(self._take)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._handle.remove()

    def _take(self, module: torch.nn.Module, given: object, out: torch.Tensor) -> torch.Tensor:
        del module, given
        if not self._differentiable:
            self.outputs.append(out.detach().clone())
            return out
        start = out.detach().requires_grad_()
        self.outputs.append(start)
        # A copy goes on: an in-place activation behind the layer must not change what is kept.
        return start.clone()
