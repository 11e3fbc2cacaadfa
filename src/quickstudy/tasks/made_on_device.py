"""What distributions share that hold no data: their tasks are made of random numbers, on any device."""

import copy
from typing import Self

import torch


class MadeOnDevice:
    """A distribution whose tasks are made on a device, which `_device` names."""

    _device: torch.device

    @property
    def device(self) -> torch.device:
        """The device on which tasks are made."""
        return self._device

    def to(self, device: torch.device | str) -> Self:
        """The same tasks, made on another device.

        Args:
            device: the new device.
        """
        moved = copy.copy(self)
        moved._device = torch.device(device)
        return moved
