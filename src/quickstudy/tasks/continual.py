"""Continual learning: the classes of a task come in stages, and a learner reads one stage after another.

Two kinds of sequences are common. In one, every stage brings labels of its own, so the learner has more and more
classes to tell apart ("class-incremental"). In the other, all stages use the same labels for new classes, so each label
gets more and more meanings ("domain-incremental").
"""

from typing import Literal, Self

import torch
from torch import Tensor

from quickstudy.core import TaskDistribution, Tasks, UserError

StageLabels = Literal["own", "shared"]
"""Labels of their own for every stage, or the same labels in all stages."""


class TaskSequences:
    """Sequences of K stages, drawn from a distribution over classification tasks.

    A drawn task of N classes becomes K stages of N / K classes each. Labels are random in each task, so which classes
    share a stage is random too.

    Args:
        tasks: the distribution of whole tasks, such as `Episodes`. All classes must have equally many examples.
        num_stages: K, the stages of a sequence. The number of classes of a task must be a multiple of it.
        labels: "own" keeps the labels of the whole task, 0 to N − 1. "shared" counts from 0 in every stage.

    Raises:
        UserError: if there are no stages, or `labels` is unknown; when sequences are drawn, if the classes cannot be
            shared equally among the stages.
    """

    def __init__(self, tasks: TaskDistribution, num_stages: int, labels: StageLabels = "own") -> None:
        if num_stages < 1:
            raise UserError(f"num_stages is {num_stages}, but a sequence has 1 stage or more.")
        if labels not in ("own", "shared"):
            raise UserError(f"labels is {labels!r}, but 'own' or 'shared' was expected.")
        self.tasks, self.num_stages, self.labels = tasks, num_stages, labels

    @property
    def device(self) -> torch.device:
        """The device on which sequences are made."""
        return self.tasks.device

    def to(self, device: torch.device | str) -> Self:
        """The same sequences, made on another device.

        Args:
            device: the new device.
        """
        return type(self)(self.tasks.to(device), self.num_stages, self.labels)

    def sample(self, num_tasks: int, generator: torch.Generator) -> tuple[Tasks, ...]:
        """Draw T sequences: for each of the K stages a batch of T tasks.

        Args:
            num_tasks: T, the sequences to draw.
            generator: the source of random numbers.
        """
        return in_stages(self.tasks.sample(num_tasks, generator), self.num_stages, self.labels)


def in_stages(tasks: Tasks, num_stages: int, labels: StageLabels = "own") -> tuple[Tasks, ...]:
    """Split the classes of tasks into stages. Within a stage, examples keep their order.

    Args:
        tasks: whole tasks of N classes, with labels 0 to N − 1 and equally many examples of each class.
        num_stages: K, the stages.
        labels: "own" keeps the labels. "shared" counts from 0 in every stage.

    Returns:
        K batches of tasks. Stage k has the classes from k·N/K on.

    Raises:
        UserError: if N is no multiple of K, or the classes differ in their number of examples.
    """
    num_classes = int(tasks.support_y.max()) + 1 if tasks.support_y.numel() else 0
    if num_classes == 0 or num_classes % num_stages:
        raise UserError(
            f"Tasks of {num_classes} classes cannot be split into {num_stages} equal stages. "
            f"Draw tasks whose number of classes is a multiple of {num_stages}."
        )
    each = num_classes // num_stages
    support = _split(tasks.support_x, tasks.support_y, each, num_stages, "support")
    query = _split(tasks.query_x, tasks.query_y, each, num_stages, "query")
    stages = []
    for (support_x, support_y), (query_x, query_y) in zip(support, query, strict=True):
        if labels == "shared":
            support_y, query_y = support_y % each, query_y % each
        stages.append(Tasks(support_x, support_y, query_x, query_y))
    return tuple(stages)


def _split(x: Tensor, y: Tensor, each: int, num_stages: int, name: str) -> list[tuple[Tensor, Tensor]]:
    """The examples of each stage, as (T, E / K, *input) and their labels."""
    stage_TE = y.long() // each
    share = y.shape[1] // num_stages
    counts_TK = torch.stack([(stage_TE == stage).sum(dim=1) for stage in range(num_stages)], dim=1)
    if y.shape[1] % num_stages or bool((counts_TK != share).any()):
        raise UserError(
            f"{name}_y has different numbers of examples for different stages, but stages of equal size were expected. "
            "Draw the same number of examples for every class."
        )
    order_TE = stage_TE.argsort(dim=1, stable=True)
    task_T1 = torch.arange(len(y), device=y.device)[:, None]
    x, y = x[task_T1, order_TE], y.gather(1, order_TE)
    return list(zip(x.split(share, dim=1), y.split(share, dim=1), strict=True))
