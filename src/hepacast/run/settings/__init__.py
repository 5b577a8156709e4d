# SPDX-License-Identifier: Apache-2.0
"""The study file: one closed, typed YAML, composed of the settings of all parts."""
