"""The part of a training step that each process does: how many tasks it draws, and which."""

import numpy as np
import torch

from quickstudy.core import TrainingDistribution, UserError


def share_of_step(tasks_per_step: int, processes: int) -> int:
    """How many of a step's tasks each process draws.

    Args:
        tasks_per_step: Tasks of a step.
        processes: Number of processes.

    Raises:
        UserError: if they cannot be shared evenly.
    """
    if tasks_per_step % processes:
        raise UserError(
            f"{tasks_per_step} tasks a step cannot be shared evenly by {processes} processes. "
            f"Give a multiple of {processes} as --tasks-per-step, or fewer --devices."
        )
    return tasks_per_step // processes


def step_generator(tasks: TrainingDistribution, seed: int, process: int, step: int) -> torch.Generator:
    """The generator for the tasks of one step, on the tasks' own device.

    Args:
        tasks: Distribution of the tasks.
        seed: Seed of the training.
        process: Index of the process.
        step: Index of the step.
    """
    # Hashed into 32 bits, as torch's CPU generator reads no more of a seed.
    hashed = int(np.random.SeedSequence([seed, process, step]).generate_state(1)[0])
    return torch.Generator(tasks.device).manual_seed(hashed)
