# SPDX-License-Identifier: Apache-2.0
"""From a read volume to a comparable one: resampling and intensity."""
