"""`quickstudy card NAME`: what is to be known of trained weights before they are used."""

from dataclasses import dataclass
from typing import Annotated

import tyro
from rich.console import Console
from rich.markdown import Markdown

from quickstudy.cards import card_of, markdown
from quickstudy.cli.options import parse, print_json

_NAME_HELP = "Name of trained weights (see quickstudy list), or a run folder."


@dataclass(frozen=True, kw_only=True)
class CardOptions:
    """How the card is printed."""

    json: bool = False
    """Print one JSON object instead of text."""


def run(arguments: list[str]) -> int:
    """Show a card from command line arguments."""

    def command(
        name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME", help=_NAME_HELP)],
        options: CardOptions,
    ) -> tuple[str, CardOptions]:
        return name, options

    name, options = parse(command, "card", arguments)
    card = card_of(name)
    if options.json:
        print_json(card.record())
    else:
        Console().print(Markdown(markdown(card)))
    return 0
