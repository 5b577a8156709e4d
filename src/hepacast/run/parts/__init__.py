# SPDX-License-Identifier: Apache-2.0
"""What a study can ask of images, readings and networks: each part with its own settings."""
