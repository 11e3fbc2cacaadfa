"""A pool of drawings that all tasks of a training step share, and steps of generated characters among others."""

from typing import Any

from quickstudy.core import UserError
from quickstudy.tasks import Layout, Mixture, SharedEpisodes

Pool = tuple[int, int]
"""Classes, and drawings of each, that all tasks of a step share."""


def pooled(episodes: Any, characters: Any, layout: Layout, pool: Pool | None) -> Any:
    """Episodes over some characters, whose tasks share a pool of drawings in each step.

    Args:
        episodes: The class of the episodes.
        characters: What they are drawn from.
        layout: Ways, shots and queries of an episode.
        pool: The size of the pool. None gives each task its own drawings.
    """
    if pool is None:
        return episodes(characters, layout)
    classes, drawings = pool
    whole = episodes(characters, Layout(classes, 1, drawings - 1, jitter=layout.jitter))
    return SharedEpisodes(whole, layout._replace(jitter=None))


def refuse_pool(pool: Pool | None) -> None:
    """Refuse a pool with a single drawing of each class.

    Args:
        pool: The size of the pool, if there is one.

    Raises:
        UserError: if no task can be made of it.
    """
    if pool is not None and pool[1] < 2:
        raise UserError(
            f"pool = {pool} was given, but a pool needs two drawings of each class: one for the support and one query."
        )


def mixed(drawn: Any, generated: float, make: Any) -> Any:
    """Tasks drawn from data, and for a share of the steps tasks of generated characters.

    Args:
        drawn: The tasks drawn from data.
        generated: The share.
        make: Makes the tasks of generated characters, if there are to be any.
    """
    return Mixture([drawn, make()], [1 - generated, generated]) if generated else drawn
