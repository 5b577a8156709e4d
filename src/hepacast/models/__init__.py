# SPDX-License-Identifier: Apache-2.0
"""Models that turn columns into a risk; each remembers the patients it learned from."""
