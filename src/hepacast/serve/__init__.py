# SPDX-License-Identifier: Apache-2.0
"""Doors of one predictor: DICOM objects, a web interface for programs, a node beside a PACS."""
