"""Which weights start from which: a shallow graph that the recipes declare."""

from collections.abc import Iterable

from quickstudy.core import UserError
from quickstudy.recipes import RECIPES, build, default_arguments


def weights() -> list[str]:
    """Names of the recipes that train something."""
    return [name for name in RECIPES if default_arguments(name) and "folder" not in default_arguments(name)]


def parent_of(name: str) -> str | None:
    """The recipe whose weights this one starts from, if it declares one.

    Args:
        name: Name of a recipe.
    """
    return build(name, {}).starts_from


def in_order(names: Iterable[str]) -> list[str]:
    """These recipes and all that they start from, each once and after its parent.

    Args:
        names: Recipes.

    Raises:
        UserError: if there is no such recipe, or recipes start from each other in a circle.
    """
    ordered: list[str] = []
    for name in names:
        line = [name]
        while (parent := parent_of(line[-1])) is not None:
            if parent in line:
                raise UserError(f"The recipes {', '.join([*line, parent])} start from each other in a circle.")
            line.append(parent)
        ordered += [each for each in reversed(line) if each not in ordered]
    return ordered
