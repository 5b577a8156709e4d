# SPDX-License-Identifier: Apache-2.0
"""Compiled inner loops of the statistics room."""
