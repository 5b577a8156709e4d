# SPDX-License-Identifier: Apache-2.0
"""Image filters: one file each, registered on import."""
