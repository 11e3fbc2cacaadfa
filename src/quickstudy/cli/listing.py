"""`quickstudy list`: recipes to train, and trained weights."""

import inspect
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from quickstudy.cli.options import parse, print_json
from quickstudy.pretrained import available
from quickstudy.recipes import RECIPES


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """Show the recipes that can be trained, and trained weights."""

    json: bool = False
    """Print one JSON object instead of a table."""


def run(arguments: list[str]) -> int:
    """List recipes and weights."""
    options: ListOptions = parse(ListOptions, "list", arguments)
    weights = available()
    rows = [
        {"name": name, "description": _first_line(recipe), "weights": name in weights}
        for name, recipe in RECIPES.items()
    ]
    if options.json:
        print_json({"recipes": rows, "weights": weights})
        return 0
    table = Table()
    for heading in ("recipe", "weights", "what it is"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(str(row["name"]), "ready" if row["weights"] else "train it", str(row["description"]))
    console = Console()
    console.print(table)
    further = [name for name in weights if name not in RECIPES]
    if further:
        console.print(f"Further weights, of these recipes with other options: {', '.join(further)}")
    return 0


def _first_line(recipe: object) -> str:
    return (inspect.getdoc(recipe) or "").split("\n")[0]
