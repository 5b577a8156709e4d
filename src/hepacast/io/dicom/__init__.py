# SPDX-License-Identifier: Apache-2.0
"""DICOM series, sorted and stacked from their own headers."""
