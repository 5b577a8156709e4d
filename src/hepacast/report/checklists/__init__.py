# SPDX-License-Identifier: Apache-2.0
"""Reporting checklists filled in from the content: what is answered where, what is left to do.

Items are named in our own short words; the numbers are those of the checklists, whose
full wording is to be read at the source.
"""
