# SPDX-License-Identifier: Apache-2.0
"""Statistics on arrays: pure functions, frozen results, one direction of risk (higher is worse)."""
