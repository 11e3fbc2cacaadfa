"""What belongs to one step of a training: how many tasks each process draws, and from which random numbers."""

import numpy as np
import torch

from quickstudy.core import TrainingDistribution, UserError


def share_of_step(tasks_per_step: int, processes: int) -> int:
    """How many of a step's tasks each process draws.

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
    """The generator of one step's tasks, on the tasks' own device."""
    # Hashed into 32 bits, as torch's CPU generator reads no more of a seed.
    hashed = int(np.random.SeedSequence([seed, process, step]).generate_state(1)[0])
    return torch.Generator(tasks.device).manual_seed(hashed)
