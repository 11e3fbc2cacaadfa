import pytest
import torch
from torch.distributions import Categorical

from quickstudy.core import Experience, PolicyOptimisation, Practice, UserError

ACTION = torch.tensor([[0, 1, 1]])


def _practice(old: Categorical, advantage: list[float], *, entropy: float = 0.0, real=(True, True, True)) -> Practice:
    return Practice(
        experience=Experience(torch.zeros(1, 3, 1), ACTION, torch.zeros(1, 3), torch.zeros(1, 3).bool()),
        is_real=torch.tensor([real]),
        log_probability=old.log_prob(ACTION),
        advantage=torch.tensor([advantage]),
        returns=torch.ones(1, 3),
        clip=0.2,
        entropy=entropy,
    )


def _policy(first: float) -> Categorical:
    return Categorical(probs=torch.tensor([first, 1 - first]).expand(1, 3, 2))


def test_the_loss_is_that_of_the_paper_for_ratios_within_the_clip() -> None:
    practice = _practice(_policy(0.5), [1.0, 2.0, -1.0])
    loss = practice.loss(_policy(0.55), torch.ones(1, 3))
    assert float(loss) == pytest.approx(-(1.1 * 1 + 0.9 * 2 - 0.9 * 1) / 3)


def test_what_has_moved_beyond_the_clip_in_the_good_direction_gives_no_gradient() -> None:
    logits = torch.tensor([[[2.0, 0], [2.0, 0], [2.0, 0]]], requires_grad=True)
    practice = _practice(_policy(0.5), [1.0, -1.0, -1.0])
    practice.loss(Categorical(logits=logits), torch.ones(1, 3)).backward()
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_what_has_moved_in_the_bad_direction_is_pulled_back() -> None:
    logits = torch.tensor([[[2.0, 0], [2.0, 0], [2.0, 0]]], requires_grad=True)
    practice = _practice(_policy(0.5), [-1.0, 1.0, 1.0])
    practice.loss(Categorical(logits=logits), torch.ones(1, 3)).backward()
    assert logits.grad is not None
    assert (logits.grad[..., 0] > 0).all()


def test_steps_after_the_end_of_a_trial_change_nothing() -> None:
    sound, padded = (
        _practice(_policy(0.5), [1.0, 2.0, last], real=(True, True, False)).loss(
            _policy(0.55), torch.tensor([[1.0, 0.0, value]])
        )
        for last, value in ((5.0, 3.0), (-7.0, 90.0))
    )
    assert torch.equal(sound, padded)


def test_the_value_network_has_half_the_squared_error() -> None:
    practice = _practice(_policy(0.5), [0.0, 0.0, 0.0])
    assert float(practice.loss(_policy(0.5), torch.full((1, 3), 3.0))) == pytest.approx(2.0)


def test_entropy_is_rewarded() -> None:
    practice = _practice(_policy(0.5), [0.0, 0.0, 0.0], entropy=0.1)
    even, sure = (float(practice.loss(_policy(first), torch.ones(1, 3))) for first in (0.5, 0.99))
    assert even < sure


def test_divergence_is_zero_for_the_same_policy_and_above_for_another() -> None:
    practice = _practice(_policy(0.5), [0.0, 0.0, 0.0])
    assert float(practice.divergence(_policy(0.5))) == pytest.approx(0.0, abs=1e-7)
    assert float(practice.divergence(_policy(0.8))) > 0.05


@pytest.mark.parametrize(
    "options", [{"epochs": 0}, {"minibatches": 0}, {"discount": 1.1}, {"trace": -0.1}, {"clip": 0.0}, {"entropy": -1.0}]
)
def test_settings_without_meaning_are_refused(options) -> None:
    with pytest.raises(UserError, match="was expected"):
        PolicyOptimisation(**options)
