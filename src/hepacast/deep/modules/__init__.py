# SPDX-License-Identifier: Apache-2.0
"""The layers of the networks; these modules import torch and are loaded on first use."""
