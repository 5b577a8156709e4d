# SPDX-License-Identifier: Apache-2.0
"""From what was found to what the report, its pages and its lock say."""
