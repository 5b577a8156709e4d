# SPDX-License-Identifier: Apache-2.0
"""The five published studies: a commented study file each, and a phantom cohort of its shape."""

from hepacast.run.recipes.shapes import RECIPES, Shape
from hepacast.run.recipes.size import Size
from hepacast.run.recipes.write import study_text, write_recipe

__all__ = ["RECIPES", "Shape", "Size", "study_text", "write_recipe"]
