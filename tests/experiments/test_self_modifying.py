import pytest
import torch

from quickstudy.core import UserError
from quickstudy.experiments import Bandit, SelfModifyingMatrix, execute


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_matrix_has_rows_for_all_that_it_needs_to_change_itself() -> None:
    matrix = SelfModifyingMatrix(3, num_observed=4)
    inputs = 1 + 4 + 3 + 1 + 4
    assert matrix.shape == (3 + 2 * inputs + 1, inputs)
    assert SelfModifyingMatrix(3, num_observed=4, feeds_reward=False).shape[1] == inputs - 1


def test_inputs_are_one_noise_the_last_action_the_last_reward_and_the_observation() -> None:
    matrix = SelfModifyingMatrix(3, num_observed=2)
    x = matrix.inputs(torch.tensor([-1, 2]), torch.tensor([0.0, 0.5]), torch.tensor([[7.0, 8.0]] * 2), seeded())
    assert x[:, 0].tolist() == [1, 1]
    assert x[:, 5:].tolist() == [[0, 0, 0, 0, 7, 8], [0, 0, 1, 0.5, 7, 8]]


def test_the_delta_rule_moves_what_the_key_finds_to_what_the_query_finds() -> None:
    matrix = SelfModifyingMatrix(2)
    weights = matrix.random(1, seeded()) / 3
    x = torch.randn(1, matrix.shape[1], generator=seeded(1))
    logits, changed = matrix.step(weights, x)
    output = weights[0] @ x[0]
    inputs = matrix.shape[1]
    key, query = output[2 : 2 + inputs].softmax(0), output[2 + inputs : 2 + 2 * inputs].softmax(0)
    expected = weights[0] + output[-1].sigmoid() * torch.outer(weights[0] @ query - weights[0] @ key, key)
    assert torch.allclose(changed[0], expected, atol=1e-6)
    assert torch.allclose(logits[0], 5 * output[:2], atol=1e-6)


def test_the_additive_rule_adds_a_product_of_bounded_size() -> None:
    matrix = SelfModifyingMatrix(2, rule="additive", rate=0.1)
    weights = matrix.random(4, seeded())
    _, changed = matrix.step(weights, torch.randn(4, matrix.shape[1], generator=seeded(1)))
    assert 0 < float((changed - weights).abs().max()) <= 0.1
    assert int(torch.linalg.matrix_rank((changed - weights)[0], atol=1e-4)) == 1


def test_without_a_rule_matrices_stay_bit_identical() -> None:
    matrix = SelfModifyingMatrix(2, rule="none")
    weights = matrix.random(5, seeded())
    final, total = execute(matrix, weights, Bandit(), seeded(1))
    assert torch.equal(final, weights)
    assert total.shape == (5,)


@pytest.mark.parametrize("rule", ["delta", "additive"])
def test_every_weight_changes_itself_and_stays_bounded(rule) -> None:
    matrix = SelfModifyingMatrix(2, rule=rule)
    weights = matrix.random(3, seeded())
    final, _ = execute(matrix, weights, Bandit(length=100), seeded(1))
    assert bool((final != weights).all())
    assert float(final.abs().max()) <= 5


def test_an_execution_that_is_over_changes_no_longer() -> None:
    class OneAfterTheOther(Bandit):
        def step(self, action_B):
            seen, reward, is_over = super().step(action_B)
            is_over[0] = True
            return seen, reward, is_over

    matrix = SelfModifyingMatrix(2)
    weights = matrix.random(2, seeded())
    short, _ = execute(matrix, weights, Bandit(length=1), seeded(1))
    final, _ = execute(matrix, weights, OneAfterTheOther(length=9), seeded(1))
    assert torch.equal(final[0], short[0])
    assert not torch.equal(final[1], short[1])


def test_the_same_seed_replays_the_same_execution() -> None:
    matrix = SelfModifyingMatrix(2)
    weights = matrix.random(3, seeded())
    first, again, other = (execute(matrix, weights, Bandit(), seeded(seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(UserError, match="hebb"):
        SelfModifyingMatrix(2, rule="hebb")
