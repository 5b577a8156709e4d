# SPDX-License-Identifier: Apache-2.0
"""Networks that read images; the extra ``deep``, and torch is loaded on first use only."""

from hepacast.deep.networks import NETWORKS, NetworkParams, build

__all__ = ["NETWORKS", "NetworkParams", "build"]
