# SPDX-License-Identifier: Apache-2.0
"""Thin commands: parse, call, print."""
