"""What distributions share that hold no data: their tasks are made of random numbers, on any device."""

import copy
from typing import Self

import torch


class MadeOnDevice:
    """A distribution whose tasks are made on a device."""

    device: torch.device
    """The device on which tasks are made."""

    def to(self, device: torch.device | str) -> Self:
        """The same tasks, made on another device.

        Args:
            device: the new device.
        """
        moved = copy.copy(self)
        vars(moved)["device"] = torch.device(device)  # Some of them are frozen.
        return moved
