# SPDX-License-Identifier: Apache-2.0
"""Who learns, who is scored, and the controls that show that nothing leaked."""
