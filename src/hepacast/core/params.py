# SPDX-License-Identifier: Apache-2.0
"""The base of every settings block."""

from pydantic import BaseModel, ConfigDict


class Params(BaseModel):
    """Frozen, closed and hashable settings: a misspelt key is an error, not a default."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, populate_by_name=True
    )
