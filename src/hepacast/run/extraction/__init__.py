# SPDX-License-Identifier: Apache-2.0
"""Features, maps and reliability from tables of files, without a study."""
