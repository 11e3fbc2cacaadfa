"""Linear attention, and the weights with which one layer of it makes one gradient step on least squares.

Katharopoulos et al., "Transformers are RNNs" (ICML 2020), without their normalisation; von Oswald et al.,
"Transformers Learn In-Context by Gradient Descent" (ICML 2023) for the gradient step.

Letters: L tokens that are read, Q tokens that read, D numbers of an input, Y numbers of a value, C = D + Y.
"""

import torch
from torch import Tensor, nn


class LinearAttention(nn.Module):
    """One head of attention without a softmax. What a token reads is added to it.

    Args:
        channels: Numbers C of a token.
        scale: What is read is multiplied by this.
    """

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.queries, self.keys, self.values = (nn.Linear(channels, channels, bias=False) for _ in range(3))
        self.scale = scale

    def forward(self, reading: Tensor, seen: Tensor) -> Tensor:
        """The reading tokens (…, Q, C) after they read the seen tokens (…, L, C)."""
        products_QL = self.queries(reading) @ self.keys(seen).transpose(-1, -2)
        return reading + self.scale * products_QL @ self.values(seen)


def gradient_step(weights: Tensor, rate: float, examples: int) -> LinearAttention:
    """The layer that makes one gradient step of least squares on the tokens (x, y) that it sees.

    A token (x, y₀) that reads leaves with y₀ − Δ W x. Δ W is the change of `weights` in a step of gradient descent on
    the mean over the examples of ‖W x − y‖² / 2.

    Args:
        weights: (Y, D), where gradient descent starts.
        rate: the rate of gradient descent.
        examples: how many tokens are seen.
    """
    outputs, inputs = weights.shape
    layer = LinearAttention(inputs + outputs, rate / examples).to(weights)
    select = torch.zeros(inputs + outputs, inputs + outputs).to(weights)
    select[:inputs, :inputs] = torch.eye(inputs)
    error = torch.zeros_like(select)
    error[inputs:, :inputs], error[inputs:, inputs:] = weights, -torch.eye(outputs)
    with torch.no_grad():
        layer.queries.weight.copy_(select)
        layer.keys.weight.copy_(select)
        layer.values.weight.copy_(error)
    return layer
