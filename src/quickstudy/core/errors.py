"""Errors that a user can cause, and so can mend."""


class UserError(ValueError):
    """What came, what was expected, what to do. The command line shows it without a traceback."""
