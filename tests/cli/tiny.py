"""The command line with one recipe more, of a network so small that its training takes a moment.

Run as a script, it can kill itself while it writes its checkpoint for the KILLED_AT-th time.
"""

import os
import signal
import sys

import torch

from quickstudy.core import Experiment, Optimisation
from quickstudy.learners import ProtoNet
from quickstudy.networks import Conv4
from quickstudy.recipes import RECIPES
from quickstudy.tasks import Episodes, Layout


def tiny(
    *,
    ways: int = 3,
    size: int = 8,
    optimisation: Optimisation = Optimisation(steps=12, tasks_per_step=2, average_decay=0.9),  # noqa: B008
) -> Experiment:
    """Characters of noise."""

    def episodes(seed: int, layout: Layout):
        classes = torch.randint(256, (20, 1, size, size), generator=torch.Generator().manual_seed(seed))
        return lambda data_root: Episodes((classes * torch.linspace(0.5, 1, 18).view(18, 1, 1)).byte(), layout)

    return Experiment(
        learner=ProtoNet(Conv4(blocks=2, channels=4, image_size=size)),
        train=episodes(0, Layout(ways, 1, 2)),
        validation=episodes(1, Layout(ways, 1, 2)),
        test={f"{ways}-way {shots}-shot": episodes(2, Layout(ways, shots, 3)) for shots in (1, 5)},
        optimisation=optimisation,
        validate_every=5,
        validation_tasks=10,
    )


def _kill_at(number: int) -> None:
    """End without a word, with a checkpoint half way to its name."""
    left = [number]
    replace = os.replace

    def killing(source, target) -> None:
        left[0] -= str(target).endswith("last.safetensors")
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.replace = killing


if __name__ == "__main__":
    from quickstudy.cli import main
    from quickstudy.training import loop

    torch.set_num_threads(1)
    RECIPES["tiny"] = tiny
    loop._SECONDS_BETWEEN_SAVES = 0.0
    if "KILLED_AT" in os.environ:
        _kill_at(int(os.environ["KILLED_AT"]))
    sys.exit(main())
