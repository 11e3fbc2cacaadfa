"""Linear layers whose weights another network generates, one set for each task, with the variance they should have.

Chang, Flokas and Lipson, "Principled Weight Initialization for Hypernetworks" (ICLR 2020): with an ordinary
initialisation the generated weights are too large or too small by the number of inputs of the layer, so that the
outputs explode or vanish. Hyperfan-in is their section 4.1.

Letters: T tasks, B a flat batch of inputs, D inputs of the layer, H its outputs, E numbers of an embedding.
"""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

Initialisation = Literal["hyperfan", "usual"]


class GeneratedLinear(nn.Module):
    """Generates the weights of a linear layer from an embedding whose numbers have a mean square of one.

    Args:
        num_embedding: Numbers of an embedding.
        num_inputs: Inputs of the generated layer.
        num_outputs: Outputs of the generated layer.
        follows_relu: The layer reads outputs of a ReLU, whose mean square is half of what went in.
        initialisation: "hyperfan" gives outputs of variance one for inputs of mean square one (before a ReLU, if one
            comes first); "usual" initialises this generator as any other linear layer.

    Raises:
        ValueError: if there is no such initialisation.
    """

    def __init__(
        self,
        num_embedding: int,
        num_inputs: int,
        num_outputs: int,
        *,
        follows_relu: bool = False,
        initialisation: Initialisation = "hyperfan",
    ) -> None:
        super().__init__()
        if initialisation not in get_args(Initialisation):
            raise ValueError(
                f"initialisation is {initialisation!r}, but {' or '.join(get_args(Initialisation))} was expected."
            )
        self.num_inputs, self.num_outputs = num_inputs, num_outputs
        self.weights = nn.Linear(num_embedding, num_inputs * num_outputs, bias=False)
        self.shifts = nn.Linear(num_embedding, num_outputs, bias=False)
        if initialisation == "hyperfan":
            # Half of the variance comes from the weights and half from the shifts.
            gain = 2 if follows_relu else 1
            nn.init.normal_(self.weights.weight, std=(gain / (2 * num_inputs * num_embedding)) ** 0.5)
            nn.init.normal_(self.shifts.weight, std=(1 / (2 * num_embedding)) ** 0.5)

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (..., H, D) and shifts (..., H) of embeddings (..., E)."""
        return self.weights(embedding).unflatten(-1, (self.num_outputs, self.num_inputs)), self.shifts(embedding)


def generated_linear(x_TBD: Tensor, weights_THD: Tensor, shifts_TH: Tensor) -> Tensor:
    """The outputs (T, B, H) of each task's own linear layer.

    Args:
        x_TBD: Inputs.
        weights_THD: Weights of each task.
        shifts_TH: Shifts of each task.
    """
    return torch.baddbmm(shifts_TH[:, None], x_TBD, weights_THD.mT)
