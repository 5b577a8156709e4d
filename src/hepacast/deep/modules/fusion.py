# SPDX-License-Identifier: Apache-2.0
"""A picture and table columns in one network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from hepacast.core.errors import TableError
from hepacast.deep.modules.network import Network, start_weights

if TYPE_CHECKING:
    from hepacast.deep.networks import FusionParams


class Fusion(Network):
    """Projected picture and columns, each scaled by a gate that sees both.

    Without a table the columns stand at 0, the mean of the training cases, so that
    an explanation of the picture can be computed as for any other network.
    """

    def __init__(self, image: Network, params: FusionParams) -> None:
        super().__init__()
        self.image = image
        self.image.fc = nn.Identity()  # its own head would be weights that nothing reads
        self.axes, self.in_channels, self.width = image.axes, image.in_channels, image.width
        self.smallest, self.whole = image.smallest, image.whole
        self.cam_layer = f"image.{image.cam_layer}"
        self.columns, self.hide = params.columns, params.hide
        size = params.width
        self.from_image = nn.Sequential(nn.Linear(image.width, size), nn.LayerNorm(size))
        self.from_table = nn.Linear(params.columns, size)
        self.no_image, self.no_table = (nn.Parameter(torch.zeros(size)) for _ in range(2))
        self.gate = nn.Linear(2 * size, 2 * size) if params.gated else None
        self.fc = nn.Linear(2 * size, params.out)
        for part in (self.from_image, self.from_table, self.fc):
            start_weights(part)
        # Columns are few and standardised: start them as loud as the normalised picture.
        nn.init.normal_(self.from_table.weight, std=params.columns**-0.5)
        if self.gate is not None:
            nn.init.zeros_(self.gate.weight)
            nn.init.zeros_(self.gate.bias)

    def features(self, x: Tensor) -> Tensor:
        """Return (n, width) vectors of the picture alone."""
        return self.image.features(x)

    def head(self, vector: Tensor, table: Tensor | None = None) -> Tensor:
        """Return (n, out) logits of picture vectors and standardised columns."""
        if table is None:
            table = vector.new_zeros(len(vector), self.columns)
        if table.shape[1] != self.columns:
            raise TableError(
                what=f"this network reads {self.columns} table columns",
                got=f"{table.shape[1]}",
                fix="Give the columns that it was trained on.",
            )
        seen, known = self.from_image(vector), self.from_table(table)
        if self.training and self.hide > 0:
            drawn = torch.rand(len(vector), 1, device=vector.device)
            seen = torch.where(drawn < self.hide, self.no_image, seen)
            known = torch.where(drawn > 1 - self.hide, self.no_table, known)
        both = torch.cat([seen, known], dim=1)
        if self.gate is not None:
            both = both * (2 * torch.sigmoid(self.gate(both)))
        logits: Tensor = self.fc(both)
        return logits

    def forward(self, x: Tensor, table: Tensor | None = None) -> Tensor:
        """Return (n, out) logits."""
        return self.head(self.features(x), table)
