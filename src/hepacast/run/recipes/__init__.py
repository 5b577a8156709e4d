# SPDX-License-Identifier: Apache-2.0
"""The five published studies: a commented study file each, and a phantom cohort of its shape."""

from hepacast.run.recipes.write import RECIPES, Shape, write_recipe

__all__ = ["RECIPES", "Shape", "write_recipe"]
