# SPDX-License-Identifier: Apache-2.0
"""Where work is done, and what of it is kept: processes, clusters, shares, receipts."""
