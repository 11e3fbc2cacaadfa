import numpy as np
import pytest
import torch
from torch.distributions import Normal

from quickstudy.core import Experience, PolicyOptimisation, UserError, leaves, play, select_tasks
from quickstudy.learners import PolicyMAML
from quickstudy.learners.policy_maml import policy_gain
from quickstudy.tasks import Navigation
from quickstudy.training.rollouts import Rollouts

SQUARES = Navigation(episode_length=4, practice_episodes=3, later_episodes=3)


def _learner(**options) -> PolicyMAML:
    torch.manual_seed(0)
    learner = PolicyMAML(2, (2,), episodes=3, units=8, **options).double()
    torch.nn.init.normal_(learner.network.first["head"], std=0.5)
    return learner


@pytest.fixture
def experience(generator: torch.Generator) -> Experience:
    with torch.no_grad():
        trials = play(_learner(), SQUARES, 3, generator)
    seen, action, reward, ended = trials.experience
    return Experience(seen.double(), action.double(), reward.double(), ended)


def _part(experience: Experience, where: slice) -> Experience:
    return Experience(*(field[:, where] for field in experience))


def test_the_gain_has_the_first_two_derivatives_of_expected_reward() -> None:
    """The reward of an action a is −a², so that expected is −μ² − σ²: the derivatives in μ are −2 μ and −2."""
    node, weight = np.polynomial.hermite_e.hermegauss(20)
    mean, sigma = torch.tensor(0.7, dtype=torch.float64, requires_grad=True), 0.5
    with torch.no_grad():
        action = mean + sigma * torch.from_numpy(node)[None]
    share = torch.from_numpy(weight / weight.sum())[None]
    reward = -action.square() * share * len(node)
    counts = torch.ones_like(reward, dtype=torch.bool)
    right = policy_gain(Normal(mean, sigma).log_prob(action), reward, counts).sum()
    wrong = (Normal(mean, sigma).log_prob(action) * reward).mean()
    # The trap: the second derivative of the second one has even the wrong sign.
    for gain, curvature in ((right, -2.0), (wrong, (0.7**2 + sigma**2) / sigma**2)):
        (first,) = torch.autograd.grad(gain, mean, create_graph=True)
        (second,) = torch.autograd.grad(first, mean)
        assert float(first.detach()) == pytest.approx(-1.4)
        assert float(second) == pytest.approx(curvature)


def test_the_inner_step_is_that_of_the_policy_gradient(experience: Experience) -> None:
    """With a linear policy one can write the step down: the mean of advantage · (a − μ) / σ² times what is read."""
    learner = _learner(inner_rate=0.3)
    weights = learner.network.weights(3)
    counts = experience.episode < 3
    after = learner.updated(weights, experience, counts)
    advantage = learner._advantages(experience, counts)
    mean = learner.policy(weights, experience.observation).mean
    push = advantage[..., None] * (experience.action - mean) / learner.log_deviation.exp() ** 2
    expected = weights["head_bias"] + 0.3 * (push * counts[..., None]).sum(dim=1) / counts.sum(dim=1, keepdim=True)
    assert torch.allclose(after["head_bias"], expected)


def test_advantages_of_a_task_have_mean_zero_and_deviation_one(experience: Experience) -> None:
    counts = experience.episode < 3
    advantage = _learner()._advantages(experience, counts)[:, :12]
    assert torch.allclose(advantage.mean(dim=1), torch.zeros(3, dtype=torch.float64), atol=1e-9)
    assert torch.allclose(advantage.std(dim=1, correction=0), torch.ones(3, dtype=torch.float64))


def test_acting_step_by_step_agrees_with_reading_the_whole_trial(experience: Experience) -> None:
    learner = _learner().eval()
    whole, state = learner.along(experience).mean, learner.prior(3)
    for step in range(24):
        assert torch.allclose(learner.predict(state, experience.observation[:, [step]]).mean, whole[:, [step]])
        state = learner.extend(state, _part(experience, slice(step, step + 1)))
    assert state.num_updates.tolist() == [2, 2, 2]


def test_extending_twice_equals_extending_once(experience: Experience) -> None:
    learner = _learner().eval()
    once = learner.extend(learner.prior(3), experience)
    twice = learner.extend(learner.prior(3), _part(experience, slice(5)))
    twice = learner.extend(twice, _part(experience, slice(5, None)))
    assert all(torch.allclose(*both) for both in zip(leaves(once), leaves(twice), strict=True))


def test_a_batch_equals_a_loop_and_a_state_of_selected_tasks_predicts_the_same(experience: Experience) -> None:
    learner = _learner().eval()
    ended = experience.ended.clone()
    ended[1, 1] = True  # Another episode, so that its gradient step comes at another time.
    experience = experience._replace(ended=ended)
    state = learner.extend(learner.prior(3), _part(experience, slice(9)))
    assert state.num_updates.tolist() == [0, 1, 0]
    assert all(len(leaf) == 3 for leaf in leaves(state))
    query = torch.rand(3, 2, 2, dtype=torch.float64)
    for task in range(3):
        own = Experience(*(field[[task], :9] for field in experience))
        alone = learner.predict(learner.extend(learner.prior(1), own), query[[task]]).mean
        assert torch.allclose(learner.predict(state, query).mean[[task]], alone)
        chosen = select_tasks(state, slice(task, task + 1))
        assert torch.allclose(learner.predict(chosen, query[[task]]).mean, alone)


@pytest.mark.parametrize("field", ["action", "reward"])
def test_a_step_changes_later_actions_and_no_earlier_ones(field: str, experience: Experience) -> None:
    learner = _learner().eval()
    changed = getattr(experience, field).clone()
    changed[:, 5] += 1
    before, after = learner.along(experience).mean, learner.along(experience._replace(**{field: changed})).mean
    assert torch.equal(before[:, :12], after[:, :12])  # Up to the gradient step.
    assert (before[:, 12:] != after[:, 12:]).any(dim=-1).all()


def test_the_outer_gradient_equals_finite_differences(experience: Experience, generator: torch.Generator) -> None:
    """With the actions held fixed, and with their probabilities in the inner gain taken as those of the weights."""
    learner = _learner(inner_rate=0.5).train()
    weight = torch.rand(3, 12, generator=generator, dtype=torch.float64)
    bias = learner.network.first["bias0"]

    def score() -> torch.Tensor:
        return (learner.along(experience).log_prob(experience.action)[:, 12:] * weight).mean()

    (gradient,) = torch.autograd.grad(score(), bias)
    learner.first_order = True
    (without,) = torch.autograd.grad(score(), bias)
    assert not torch.allclose(gradient, without, rtol=1e-3)
    # First order is what remains where the step is held fixed.
    weights = learner.network.weights(3)
    fixed = {name: each.detach() for name, each in learner.updated(weights, experience, experience.episode < 3).items()}
    step = {name: fixed[name] - weights[name].detach() for name in weights}
    moved = {name: weights[name] + step[name] for name in weights}
    log_probability = learner.policy(moved, experience.observation).log_prob(experience.action)[:, 12:]
    (expected,) = torch.autograd.grad((log_probability * weight).mean(), bias)
    assert torch.allclose(without, expected)


def test_only_steps_after_the_gradient_step_are_scored(generator: torch.Generator) -> None:
    learner = _learner().train()
    practice = next(Rollouts(learner, SQUARES, PolicyOptimisation(entropy=0.0)).batches(3, generator, 0.0))
    loss = learner(practice)
    other = practice.advantage.clone()
    other[:, :12] += 5
    assert torch.equal(loss, learner(practice._replace(advantage=other)))
    other[:, 12:] += 5
    assert not torch.equal(loss, learner(practice._replace(advantage=other)))


def test_every_parameter_gets_a_gradient(generator: torch.Generator) -> None:
    learner = _learner().train()
    learner(next(Rollouts(learner, SQUARES, PolicyOptimisation()).batches(3, generator, 0.0))).backward()
    assert [name for name, each in learner.named_parameters() if each.grad is None or not each.grad.any()] == []


def test_adapt_reads_actions_of_two_numbers(experience: Experience) -> None:
    learner = _learner().eval()
    _, action, reward, ended = experience
    support_y = torch.cat([action, reward[..., None], ended[..., None].double()], dim=-1)
    adapted = learner.adapt(experience.observation, support_y)
    extended = learner.extend(learner.prior(3), experience)
    assert all(torch.equal(*both) for both in zip(leaves(adapted), leaves(extended), strict=True))


def test_what_would_be_misread_is_refused(experience: Experience) -> None:
    learner = _learner().eval()
    with pytest.raises(UserError, match="action has the shape"):
        learner.extend(learner.prior(3), experience._replace(action=experience.action[..., 0]))
    with pytest.raises(UserError, match="action holds numbers that are NaN"):
        learner.extend(learner.prior(3), experience._replace(action=experience.action * torch.nan))


def test_a_gradient_step_gets_nearer_to_the_goal(generator: torch.Generator) -> None:
    learner = PolicyMAML(2, (2,), episodes=100, units=16, inner_rate=0.5).eval()
    trials = play(learner, Navigation(6, 100, 100), 40, generator)
    before, after = trials.reward[:, :600].sum(dim=1) / 100, trials.reward[:, 600:].sum(dim=1) / 100
    assert float((after - before).mean()) > 0.05
