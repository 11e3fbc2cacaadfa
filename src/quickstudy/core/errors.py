"""Errors that a user can cause and correct."""


class UserError(ValueError):
    """An error of the user. Its message says what came, what was expected and what to do.

    The command line shows it without a traceback.
    """
