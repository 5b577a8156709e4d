# SPDX-License-Identifier: Apache-2.0
"""The results of a study as pages, for one person at this computer."""
