# SPDX-License-Identifier: Apache-2.0
"""Files in, typed objects out, and back: images, masks, clinical tables."""
