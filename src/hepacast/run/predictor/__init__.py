# SPDX-License-Identifier: Apache-2.0
"""The model that a study hands on: written, loaded, applied, tried elsewhere."""
