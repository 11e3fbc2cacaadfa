import torch

from quickstudy.core import Experience
from quickstudy.learners import DecisionTransformer


def test_it_has_no_value_network_and_the_blocks_that_were_chosen() -> None:
    learner = DecisionTransformer(3, (1,), channels=8, num_layers=3, num_heads=4)
    assert learner.value is None
    assert len(learner.policy.block.layers) == 3
    assert learner.prior(2).caches[0].keys.shape == (2, 4, 0, 2)


def test_without_positions_the_order_of_earlier_steps_does_not_matter(generator: torch.Generator) -> None:
    # Where observations are all the same, as in bandits, experience is a set of pulls.
    learner = DecisionTransformer(3, (1,), channels=8, num_layers=1).double().eval()
    action, reward = torch.tensor([[0, 1, 2, 1]]), torch.tensor([[1.0, 0, 0, 1]], dtype=torch.float64)
    probabilities = []
    for order in ([0, 1, 2, 3], [2, 0, 1, 3]):
        steps = Experience(
            torch.ones(1, 4, 1, dtype=torch.float64), action[:, order], reward[:, order], torch.ones(1, 4).bool()
        )
        state = learner.extend(learner.prior(1), steps)
        probabilities.append(learner.predict(state, torch.ones(1, 1, 1, dtype=torch.float64)).probs)
    assert torch.allclose(*probabilities)
