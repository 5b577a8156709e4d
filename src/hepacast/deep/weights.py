# SPDX-License-Identifier: Apache-2.0
"""Weights of a file, name by name, into a network: what fits, what is missing, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from hepacast.core.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping

LayoutName = Literal["hepacast", "medicalnet", "torchvision"]
LEAST_SHARE = 0.95
"""Below this share of matched names a file belongs to another network."""
_COUNT = "num_batches_tracked"
"""Older files do not count the batches that a norm has seen, and nothing depends on it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a family of files names its weights.

    Parameters
    ----------
    strip : str
        Taken off the front of every name of the file, where it is there.
    put : str
        Put in front then.
    encoder_only : bool
        The file has no head for this network: only names that begin with ``put`` are wanted.
    heads : tuple of str
        How names of the file's own head begin, which nobody misses.
    """

    strip: str = ""
    put: str = ""
    encoder_only: bool = False
    heads: tuple[str, ...] = ()

    def ours(self, name: str) -> str:
        """Translate a name of the file.

        >>> LAYOUTS["medicalnet"].ours("module.layer1.0.conv1.weight")
        'encoder.layer1.0.conv1.weight'
        """
        return self.put + name.removeprefix(self.strip)


LAYOUTS: Mapping[LayoutName, Layout] = {
    "hepacast": Layout(),
    "medicalnet": Layout(
        "module.", "encoder.", encoder_only=True, heads=("module.conv_seg.", "module.fc.")
    ),
    "torchvision": Layout("", "encoder.", encoder_only=True, heads=("fc.",)),
}


@dataclass(frozen=True, slots=True)
class Matching:
    """What became of the names of a file and of a network.

    Parameters
    ----------
    layout : str
        How names were translated.
    matched, missing : tuple of str
        Names of the network that the file gives, and does not give.
    misshaped : tuple of str
        Names that it gives with another shape, with both shapes.
    unused : tuple of str
        Names of the file that the network does not have: more blocks, say.
    heads : tuple of str
        Names of the file's own head.
    """

    layout: str
    matched: tuple[str, ...]
    missing: tuple[str, ...]
    misshaped: tuple[str, ...]
    unused: tuple[str, ...]
    heads: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Matched names among all of the network and of the file, heads aside."""
        rest = len(self.missing) + len(self.misshaped) + len(self.unused)
        return len(self.matched) / (len(self.matched) + rest) if self.matched else 0.0

    def sentence(self) -> str:
        """Say what matched, and name what did not.

        Examples
        --------
        >>> Matching("medicalnet", ("a", "b"), ("c",), (), (), ("conv_seg.weight",)).sentence()
        '2 of 3 names matched (67 %, layout medicalnet); missing: c; heads: conv_seg.weight'
        """
        names = len(self.matched) + len(self.missing) + len(self.misshaped) + len(self.unused)
        share = f"{100 * self.share:.0f} %, layout {self.layout}"
        parts = [f"{len(self.matched)} of {names} names matched ({share})"]
        for word in ("missing", "misshaped", "unused", "heads"):
            if some := getattr(self, word):
                more = f" and {len(some) - 3} more" if len(some) > 3 else ""
                parts.append(f"{word}: {', '.join(some[:3])}{more}")
        return "; ".join(parts)


def match_weights(
    network: torch.nn.Module, arrays: Mapping[str, np.ndarray], layout: LayoutName
) -> Matching:
    """Compare the names and shapes of a file with those of a network; change nothing.

    Parameters
    ----------
    network : torch.nn.Module
        The network.
    arrays : mapping of str to array
        Weights of the file, by its own names.
    layout : {"hepacast", "medicalnet", "torchvision"}
        How the file names them.

    Examples
    --------
    >>> found = match_weights(torch.nn.Linear(2, 1), {"weight": np.ones((1, 2))}, "hepacast")
    >>> found.sentence()
    '1 of 2 names matched (50 %, layout hepacast); missing: bias'
    """
    rule = LAYOUTS[layout]
    given = {rule.ours(name): array.shape for name, array in arrays.items()}
    state = network.state_dict()
    wanted = {
        name: tuple(value.shape)
        for name, value in state.items()
        if not name.endswith(_COUNT) and (not rule.encoder_only or name.startswith(rule.put))
    }
    matched = tuple(name for name, shape in wanted.items() if given.get(name) == shape)
    missing = tuple(name for name in wanted if name not in given)
    misshaped = tuple(
        f"{name} is {given[name]}, wanted {shape}"
        for name, shape in wanted.items()
        if name in given and given[name] != shape
    )
    strange = [name for name in arrays if rule.ours(name) not in state]
    heads = tuple(name for name in strange if rule.heads and name.startswith(rule.heads))
    unused = tuple(name for name in strange if name not in heads and not name.endswith(_COUNT))
    return Matching(layout, matched, missing, misshaped, unused, heads)


def fit_weights(
    network: torch.nn.Module,
    arrays: Mapping[str, np.ndarray],
    layout: LayoutName = "hepacast",
    *,
    least: float = LEAST_SHARE,
) -> Matching:
    """Put the weights of a file into a network.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place; names that the file does not give keep their weights.
    arrays : mapping of str to array
        Weights of the file, by its own names.
    layout : {"hepacast", "medicalnet", "torchvision"}
        How the file names them.
    least : float
        Share of wanted names that must match.

    Returns
    -------
    Matching
        To be shown to the user.

    Raises
    ------
    WeightsError
        If fewer match, a shape differs, or a weight is not finite; the network is unchanged.

    Examples
    --------
    >>> net = torch.nn.Linear(2, 1)
    >>> fit_weights(net, {"weight": np.ones((1, 2)), "bias": np.zeros(1)}).share
    1.0
    """
    found = match_weights(network, arrays, layout)
    if found.share < least or found.misshaped:
        raise WeightsError(
            what=f"at least {100 * least:.0f} % of the names must match, and every shape",
            got=found.sentence(),
            fix="Give the settings of the network that the file belongs to, or its layout.",
        )
    rule = LAYOUTS[layout]
    ours = {rule.ours(name): array for name, array in arrays.items()}
    if bad := [name for name in found.matched if not np.isfinite(ours[name]).all()]:
        raise WeightsError(
            what="weights must be finite",
            got=f"{len(bad)} arrays with NaN or infinity, the first is {bad[0]}",
            fix="The training behind them broke down; take an earlier state.",
        )
    state = {name: torch.from_numpy(np.array(ours[name])) for name in found.matched}
    network.load_state_dict(state, strict=False)
    return found


def arrays_of(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """Return the weights of a network as arrays, ready for a file.

    >>> {name: array.shape for name, array in arrays_of(torch.nn.Linear(2, 1)).items()}
    {'weight': (1, 2), 'bias': (1,)}
    """
    return {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
