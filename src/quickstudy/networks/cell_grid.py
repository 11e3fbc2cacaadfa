"""A neural cellular automaton: identical cells on a grid, which talk to their neighbours alone.

Randazzo, Mordvintsev, Niklasson, Levin and Greydanus, "Self-classifying MNIST Digits" (Distill, 2020). Every cell of a
drawing says which digit the drawing is. A cell sees one pixel, so the cells have to agree by messages.

What differs from the article: the sizes. As there, the loss is of squares: with cross-entropy the states grow without
bound, and the cells lose in long runs what they agreed on.

Letters: B drawings, C channels of a cell's state, N classes, H W the grid, U updates.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CellGrid(nn.Module):
    """Cells with one update rule. A cell is alive where the drawing has ink, and only living cells have a state.

    A state has 1 number for the cell's pixel, which never changes, N numbers for its opinion and C numbers of memory.
    At each update a cell reads the states of its 3×3 neighbourhood and adds a change to its own state. In training
    mode, and in eval mode if a generator is given, a random part of the cells misses an update, so no clock is needed.

    Args:
        num_classes: N, the classes that a cell chooses from.
        memory: C, the numbers of a cell's memory.
        hidden: the width of the update rule.
        update_rate: the share of the cells that a random update changes.
        threshold: a pixel above it is a living cell.
    """

    def __init__(
        self,
        num_classes: int = 10,
        *,
        memory: int = 10,
        hidden: int = 64,
        update_rate: float = 0.5,
        threshold: float = 0.1,
    ) -> None:
        super().__init__()
        self.num_classes, self.num_changing = num_classes, num_classes + memory
        self.update_rate, self.threshold = update_rate, threshold
        self.perceive = nn.Conv2d(1 + self.num_changing, hidden, 3, padding=1)
        self.change = nn.Conv2d(hidden, self.num_changing, 1)
        for parameter in self.change.parameters():  # At first no cell changes, so long unrolls start harmless.
            nn.init.zeros_(parameter)

    def alive(self, images_BHW: Tensor) -> Tensor:
        """Which cells live, (B, H, W) booleans.

        Args:
            images_BHW: drawings, 0 for paper and 1 for ink.
        """
        return images_BHW > self.threshold

    def start(self, images_BHW: Tensor) -> Tensor:
        """The states before any message, (B, N + C, H, W): all zero.

        Args:
            images_BHW: drawings.
        """
        return images_BHW.new_zeros(len(images_BHW), self.num_changing, *images_BHW.shape[1:])

    def update(self, state: Tensor, images_BHW: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The states after one update.

        Args:
            state: the states (B, N + C, H, W).
            images_BHW: drawings, which the cells see. They may change between updates.
            generator: the source of random numbers. Without it, eval mode updates all cells.
        """
        alive_B1HW = self.alive(images_BHW)[:, None]
        state = state * alive_B1HW  # Where ink was taken away, the cell dies.
        change = self.change(F.relu(self.perceive(torch.cat([images_BHW[:, None], state], dim=1))))
        if self.training or generator is not None:
            shape = alive_B1HW.shape
            drawn = torch.rand(shape, generator=generator, device=state.device) < self.update_rate
            change = change * drawn
        return state + change * alive_B1HW

    def opinions(self, state: Tensor) -> Tensor:
        """What each cell says: a number for each class, (B, H, W, N). The largest is its answer.

        Args:
            state: the states (B, N + C, H, W).
        """
        return state[:, : self.num_classes].permute(0, 2, 3, 1)

    def forward(self, images_BHW: Tensor, updates: int, generator: torch.Generator | None = None) -> Tensor:
        """The opinions after each update, (U, B, H, W, N).

        Args:
            images_BHW: drawings.
            updates: U, how many updates.
            generator: the source of random numbers. Without it, eval mode updates all cells.
        """
        state, said = self.start(images_BHW), []
        for _ in range(updates):
            state = self.update(state, images_BHW, generator)
            said.append(self.opinions(state))
        return torch.stack(said)

    def loss(self, said_UBHWN: Tensor, images_BHW: Tensor, labels_B: Tensor) -> Tensor:
        """The mean squared distance of the opinions from 1 at the label and 0 elsewhere, over living cells and updates.

        Args:
            said_UBHWN: opinions after some updates.
            images_BHW: drawings.
            labels_B: the class of each drawing.
        """
        target_BHWN = F.one_hot(labels_B, self.num_classes).to(said_UBHWN.dtype)[:, None, None]
        squares_UBHW = (said_UBHWN - target_BHWN).square().sum(dim=-1)
        return squares_UBHW[:, self.alive(images_BHW)].mean()


def vote(said_BHWN: Tensor, alive_BHW: Tensor) -> tuple[Tensor, Tensor]:
    """The class that most living cells of each drawing say, (B,), and the share of them that say it, (B,).

    Args:
        said_BHWN: the opinions of the cells.
        alive_BHW: which cells live. Each drawing has at least one.
    """
    votes_BHWN = F.one_hot(said_BHWN.argmax(dim=-1), said_BHWN.shape[-1])
    counts_BN = (votes_BHWN * alive_BHW[..., None]).sum(dim=(1, 2))
    most_B, class_B = counts_BN.max(dim=1)
    return class_B, most_B / alive_BHW.sum(dim=(1, 2))
