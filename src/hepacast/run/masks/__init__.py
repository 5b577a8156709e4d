# SPDX-License-Identifier: Apache-2.0
"""Masks that nobody drew: networks, installed programs, and how good they are."""
