"""A learner around an encoder of your own, trained on generated characters.

python examples/own_encoder.py --steps 150
"""

import argparse

import torch
from torch import Tensor, nn

from quickstudy.datasets import glyphs
from quickstudy.evaluation import evaluate
from quickstudy.learners import ProtoNet
from quickstudy.tasks import Episodes, Layout


class Encoder(nn.Module):
    """Images (..., 1, 28, 28) to features (..., 64): any module with leading dimensions of its own choice fits."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 64),
        )

    def forward(self, x: Tensor) -> Tensor:
        # Learners pass (tasks, examples, channels, height, width).
        return self.layers(x.flatten(0, -4)).unflatten(0, x.shape[:-3])


def main() -> None:
    parser = argparse.ArgumentParser(description="Train ProtoNet with an encoder of your own.")
    parser.add_argument("--steps", type=int, default=150, help="optimiser steps")
    parser.add_argument("--tasks", type=int, default=100, help="test tasks")
    options = parser.parse_args()
    torch.manual_seed(0)

    training = Episodes(glyphs.load(num_classes=200, seed=1), Layout(ways=20, shots=1, queries=5))
    test = Episodes(glyphs.load(num_classes=50, seed=2), Layout(ways=5, shots=1, queries=15))  # Other classes.

    learner = ProtoNet(Encoder())
    print(f"before training  {evaluate(learner, test, options.tasks).accuracy.mean:.1%}")

    optimiser = torch.optim.Adam(learner.parameters(), 2e-3)
    generator = torch.Generator().manual_seed(0)
    learner.train()
    for _ in range(options.steps):
        loss = learner(training.sample(num_tasks=2, generator=generator))  # Training goes through `forward`.
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    print(f"after training   {evaluate(learner, test, options.tasks).accuracy.mean:.1%}")


if __name__ == "__main__":
    main()
