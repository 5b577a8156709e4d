# SPDX-License-Identifier: Apache-2.0
"""Synthetic patients with a known truth."""
