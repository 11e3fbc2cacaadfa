"""Errors that a user can cause and correct."""

import difflib
from collections.abc import Sequence

_SUGGESTED = 3


class UserError(ValueError):
    """An error of the user. Its message says what came, what was expected and what to do.

    The command line shows it without a traceback.
    """


def choose_one_of(name: str, names: Sequence[str]) -> str:
    """The end of a message on a name that is not known: the names that are like it, or all names if none is.

    Args:
        name: The name that was given.
        names: The names that there are.
    """
    holding = [each for each in names if name and name in each]
    near = (holding or difflib.get_close_matches(name, names, n=_SUGGESTED, cutoff=0.8))[:_SUGGESTED]
    if near:
        return f"Did you mean {' or '.join(near)}? quickstudy list shows all names."
    return f"Choose one of: {', '.join(names)}."
