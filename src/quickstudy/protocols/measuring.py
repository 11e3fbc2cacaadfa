"""What all protocols share: how far they have come, and what happens where a task needs too much memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch

from quickstudy.core import UserError

Progress = Callable[[str, int], None]
"""Called with what is being measured and the number of tasks that are done."""


def shown_by(progress: Progress | None, title: str) -> Callable[[int], None] | None:
    """The progress of one evaluation, as `quickstudy.evaluation` takes it.

    Args:
        progress: Called with the title and the number of tasks that are done; None for no display.
        title: What is measured.
    """
    return None if progress is None else partial(progress, title)


@contextmanager
def memory_refused_clearly() -> Iterator[None]:
    """Raise UserError where one task alone needs more memory than there is."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        raise UserError(
            "A task of this size needs more memory than there is. Choose fewer ways, shots, queries or points."
        ) from None
