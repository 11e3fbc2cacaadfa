"""A recurrent network whose fast weights store its own recent states, and draw the present state towards them.

Ba, Hinton, Mnih, Leibo and Ionescu, "Using Fast Weights to Attend to the Recent Past" (NIPS 2016); equation numbers are
the paper's.

Letters: T sequences, L steps, D numbers of an input, H of a state.
"""

import torch
from torch import Tensor, nn


def associated(states_TLH: Tensor, state_TH: Tensor, rate: float, decay: float) -> Tensor:
    """A h without the matrix A: a sum of earlier states (T, H), each by its product with h and its age (eq. 4).

    Args:
        states_TLH: Earlier states, the latest last.
        state_TH: The present h.
        rate: The paper's η.
        decay: The paper's λ.
    """
    age_L = torch.arange(states_TLH.shape[1] - 1, -1, -1, dtype=states_TLH.dtype, device=states_TLH.device)
    shares_TL = rate * decay**age_L * (states_TLH @ state_TH[..., None]).squeeze(-1)
    return (shares_TL[:, None] @ states_TLH).squeeze(1)


class RecentPastRNN(nn.Module):
    """A recurrent network of rectified units with fast weights A ← λ A + η h hᵀ.

    In each step the state settles for a few inner steps, in which A draws it towards states like it. Without fast
    weights (η = 0) it is a recurrent network with layer norm. Its first recurrent weights are a share of the identity.

    Args:
        num_inputs: Numbers of an input.
        hidden: Numbers of a state.
        rate: The paper's η.
        decay: The paper's λ.
        inner_steps: The paper's S.
        normalises: Layer norm in each inner step. Without it, states grow without bound.
    """

    def __init__(
        self,
        num_inputs: int,
        hidden: int,
        *,
        rate: float = 0.5,
        decay: float = 0.95,
        inner_steps: int = 1,
        normalises: bool = True,
    ) -> None:
        super().__init__()
        self.rate, self.decay, self.inner_steps = rate, decay, inner_steps
        self.from_inputs = nn.Linear(num_inputs, hidden)
        self.from_before = nn.Linear(hidden, hidden, bias=False)
        nn.init.eye_(self.from_before.weight)
        self.from_before.weight.data.mul_(0.05)
        self.norm = nn.LayerNorm(hidden) if normalises else nn.Identity()

    def forward(self, x_TLD: Tensor) -> Tensor:
        """States (T, L, H) of sequences.

        Args:
            x_TLD: Inputs.
        """
        drive_TLH = self.from_inputs(x_TLD)
        state = drive_TLH.new_zeros(len(x_TLD), drive_TLH.shape[-1])
        past: list[Tensor] = []
        for drive_TH in drive_TLH.unbind(dim=1):
            arriving_TH = self.from_before(state) + drive_TH
            state = self.norm(arriving_TH).relu()  # eq. 1: h_0 of the inner loop
            if past:
                states_TLH = torch.stack(past, dim=1)
                for _ in range(self.inner_steps):  # eq. 2
                    state = self.norm(arriving_TH + associated(states_TLH, state, self.rate, self.decay)).relu()
            past.append(state)
        return torch.stack(past, dim=1)
