# SPDX-License-Identifier: Apache-2.0
"""Steps that choose or rescale columns; each remembers the patients it learned from."""
