# SPDX-License-Identifier: Apache-2.0
"""One case at a time: from its files to checked images, regions, pictures and features."""
