"""Identical sensory agents: each sees one part of the input, and no agent knows which part it is.

Tang and Ha, "The Sensory Neuron as a Transformer: Permutation-Invariant Neural Networks for Reinforcement Learning"
(NeurIPS 2021), the layer AttentionNeuron. All agents share one network. Each sends a key and a value. Fixed queries,
which are learned, read them by attention. So the order of the agents changes nothing but rounding, and they may be
shuffled at any time, differently for every example.

What differs from the paper: agents have no memory of their own. The paper's agents in pole balancing have one, so a
shuffle disturbs them until they have read enough; agents without memory are not disturbed.

Letters: P agents, F numbers that an agent sees, K size of a key, V size of a message, M queries.
"""

import math

import torch
from torch import Tensor, nn

from quickstudy.core import UserError


class SensoryAgents(nn.Module):
    """Agents that make one description of an input, (..., M·V), of what each of them sees, (..., P, F).

    There may be any number of agents, another one for each input too.

    Args:
        num_seen: F, the numbers that an agent sees.
        hidden: the width of an agent's network.
        key_size: K, the numbers of a key.
        message_size: V, the numbers of a message.
        num_queries: M, how many descriptions are read from the messages.
    """

    def __init__(
        self, num_seen: int, *, hidden: int = 64, key_size: int = 16, message_size: int = 16, num_queries: int = 16
    ) -> None:
        super().__init__()
        self.num_seen, self.num_features = num_seen, num_queries * message_size
        self.agent = nn.Sequential(nn.Linear(num_seen, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.keys = nn.Linear(hidden, key_size)
        self.messages = nn.Linear(hidden, message_size)
        self.queries = nn.Parameter(torch.randn(num_queries, key_size))

    def forward(self, seen: Tensor) -> Tensor:
        """The description (..., M·V).

        Args:
            seen: what the agents see, (..., P, F).

        Raises:
            UserError: if the agents see another number of numbers, or there is no agent.
        """
        if seen.ndim < 2 or seen.shape[-1] != self.num_seen or not seen.shape[-2]:
            raise UserError(
                f"Agents that see {self.num_seen} numbers each were built, but the input has shape "
                f"{tuple(seen.shape)}. Pass (..., agents, {self.num_seen})."
            )
        inner = self.agent(seen)
        scores = self.queries @ self.keys(inner).transpose(-1, -2) / math.sqrt(self.queries.shape[1])
        return (scores.softmax(dim=-1) @ self.messages(inner)).flatten(-2)


class Patches(nn.Module):
    """Cuts images (..., C, H, W) into patches (..., P, C·side²), one for each agent. It has no weights.

    Args:
        side: the height and width of a patch, in pixels.
        stride: the pixels from one patch to the next.
    """

    def __init__(self, side: int, stride: int) -> None:
        super().__init__()
        self.side, self.stride = side, stride

    def forward(self, images: Tensor) -> Tensor:
        """The patches, row by row.

        Args:
            images: images (..., C, H, W), no smaller than a patch.
        """
        places = images.unfold(-2, self.side, self.stride).unfold(-2, self.side, self.stride)
        # (..., C, rows, columns, side, side) to (..., rows·columns, C·side·side).
        return places.movedim(-5, -3).flatten(-3).flatten(-3, -2)


def shuffled(seen: Tensor, generator: torch.Generator) -> Tensor:
    """The same agents in random order, a new order for each input.

    Args:
        seen: what the agents see, (..., P, F).
        generator: the source of random numbers.
    """
    keys = torch.rand(seen.shape[:-1], generator=generator, device=seen.device)
    return seen.gather(-2, keys.argsort(dim=-1)[..., None].expand_as(seen))
