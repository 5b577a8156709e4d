# SPDX-License-Identifier: Apache-2.0
"""One result in, one document out that opens offline."""
