"""Many tasks from one pool of examples. The encoder, the most expensive part of a step, embeds each example once.

A pool of 60 classes with 6 examples each has 360 images to embed, for one task as for a hundred. Tasks of a batch are
then not independent. This does little harm in training, but an evaluation needs independent tasks.
"""

from typing import Self

import torch

from quickstudy.core import SharedTasks, UserError
from quickstudy.tasks.episodes import Episodes, GeneratedEpisodes
from quickstudy.tasks.sampling import (
    Layout,
    assign_examples,
    draw_count,
    draw_distinct,
    draw_shots,
    highest,
    refuse_layout,
)


class SharedEpisodes:
    """N-way K-shot tasks whose examples all come from one pool. Each batch has a new pool.

    Args:
        pool: draws the pool as one task. Its ways are the classes, its shots and queries are the examples of each
            class, and its jitter moves them.
        layout: ways, shots and queries of the tasks made from the pool.

    Raises:
        UserError: if the pool has too few classes or examples for the tasks.
    """

    def __init__(self, pool: Episodes | GeneratedEpisodes, layout: Layout) -> None:
        self.pool, self.layout = pool, layout
        refuse_layout(layout)
        self._refuse_impossible()

    @property
    def device(self) -> torch.device:
        """The device of the pool, on which tasks are made."""
        return self.pool.device

    def to(self, device: torch.device | str) -> Self:
        """The same episodes, made on another device.

        Args:
            device: the new device.
        """
        return type(self)(self.pool.to(device), self.layout)

    def sample(self, num_tasks: int, generator: torch.Generator) -> SharedTasks:
        """Draw a pool, and tasks from it. Within each task the examples come in random order.

        Args:
            num_tasks: T, the tasks to draw.
            generator: the source of random numbers.
        """
        drawn = self.pool.sample(1, generator)
        pool_x = torch.cat([drawn.support_x[0], drawn.query_x[0]])
        pool_y = torch.cat([drawn.support_y[0], drawn.query_y[0]])
        num_classes = int(self.pool.layout.ways)  # type: ignore[arg-type]
        members_CE = pool_y.argsort(stable=True).view(num_classes, -1)
        ways = draw_count(self.layout.ways, generator)
        shots = draw_shots(self.layout.shots, ways, generator)
        classes_TN = draw_distinct(num_tasks, ways, num_classes, generator)
        each = max(shots) + self.layout.queries
        examples_TNE = draw_distinct(num_tasks * ways, each, members_CE.shape[1], generator).view(num_tasks, ways, each)
        index_TNE = members_CE[classes_TN].gather(2, examples_TNE)
        return SharedTasks(pool_x, *assign_examples(index_TNE, shots, self.layout, generator))

    def _refuse_impossible(self) -> None:
        classes, shots, queries = self.pool.layout.ways, self.pool.layout.shots, self.pool.layout.queries
        if not isinstance(classes, int) or not isinstance(shots, int):
            raise UserError(
                f"The pool has {classes} ways and {shots} shots, but it needs a number of each that does not vary."
            )
        if self.pool.layout.shuffled_labels:
            raise UserError("A pool needs true labels. Give shuffled_labels to the layout of the tasks made of it.")
        if self.layout.jitter is not None:
            raise UserError("The tasks of a pool cannot be moved one by one. Give the jitter to the pool's layout.")
        if highest(self.layout.ways) > classes:
            raise UserError(
                f"{highest(self.layout.ways)} ways need as many classes, but the pool has {classes}. "
                "Lower the ways, or enlarge the pool."
            )
        needed = highest(self.layout.shots) + self.layout.queries
        if needed > shots + queries:
            raise UserError(
                f"{highest(self.layout.shots)} shots and {self.layout.queries} queries need {needed} examples of every "
                f"class, but the pool has {shots + queries}. Lower the shots or the queries, or enlarge the pool."
            )
