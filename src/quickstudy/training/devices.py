"""The devices of a training, and the precision that they can use."""

import os

import torch
from lightning_fabric import Fabric

from quickstudy.core import UserError
from quickstudy.core.optimisation import Precision

_COMPILED_KERNELS = 8_192


def launched(accelerator: str, devices: int, num_nodes: int, wanted: Precision) -> tuple[Fabric, Precision]:
    """The devices, ready to use, and the precision of a training on them.

    Args:
        accelerator: Kind of device, by Fabric's names.
        devices: Devices on each machine.
        num_nodes: Machines.
        wanted: Precision of the recipe.

    Raises:
        UserError: if there are no such devices.
    """

    def with_precision(precision: Precision) -> Fabric:
        return Fabric(
            accelerator=accelerator,
            devices=devices,
            num_nodes=num_nodes,
            strategy="ddp" if devices * num_nodes > 1 else "auto",
            precision=precision,
        )

    try:
        fabric = with_precision("32-true")  # Which says nothing; Fabric would announce a precision that is not used.
        precision = usable_precision(wanted, fabric.device)
        if precision != "32-true":
            fabric = with_precision(precision)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"No such devices: {error}") from None
    if precision == "bf16-mixed" and fabric.device.type == "cpu":
        keep_compiled_kernels()
    fabric.launch()
    return fabric, precision


def usable_precision(wanted: Precision, device: torch.device) -> Precision:
    """The precision of the recipe; 32 bits on a processor without bfloat16 arithmetic, where bfloat16 is far slower.

    Args:
        wanted: Precision of the recipe.
        device: Device of the training.
    """
    return "32-true" if wanted == "bf16-mixed" and device.type == "cpu" and not has_fast_bfloat16() else wanted


def keep_compiled_kernels() -> None:
    """Let oneDNN keep the kernels of all shapes that a training meets; it compiles one for each bfloat16 product.

    By itself it keeps 1,024, but episodes of many ways and shots have several thousand shapes: SNAIL's head then took
    twice as long. Must come before the process's first product in bfloat16. A kernel takes up to 0.7 MB.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(_COMPILED_KERNELS))


def has_fast_bfloat16() -> bool:
    """Whether this processor multiplies matrices of bfloat16 numbers; otherwise each number is converted."""
    instructions: tuple[bool, ...] = (
        torch.cpu._is_avx512_bf16_supported(),
        torch.cpu._is_amx_tile_supported(),
        torch.backends.cpu.get_cpu_capability().startswith("SVE"),
    )
    return any(instructions)
