"""What is to be known of a file of trained weights before it is used: its card."""

from quickstudy.cards.facts import Card, card_of
from quickstudy.cards.text import markdown

__all__ = ["Card", "card_of", "markdown"]
