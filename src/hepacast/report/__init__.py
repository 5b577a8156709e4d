# SPDX-License-Identifier: Apache-2.0
"""What a run found, as one document: HTML, tables and figures from one content object."""
