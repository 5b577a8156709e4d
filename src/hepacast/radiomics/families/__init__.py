# SPDX-License-Identifier: Apache-2.0
"""Feature families: one file each, registered on import."""
