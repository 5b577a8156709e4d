# SPDX-License-Identifier: Apache-2.0
"""From a mask to the regions a study measures: shells in true millimetres."""
