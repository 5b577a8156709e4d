# SPDX-License-Identifier: Apache-2.0
"""Figures drawn from a report's content: one file each, journal widths, readable in grey."""
