# SPDX-License-Identifier: Apache-2.0
"""From feature files and a clinical table to one typed table."""
