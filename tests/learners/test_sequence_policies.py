"""What every learner that acts must obey."""

import time
from collections.abc import Callable
from functools import partial

import pytest
import torch

from quickstudy.baselines import Greedy
from quickstudy.core import ActingLearner, Experience, ReadsThePast, UserError, leaves, play
from quickstudy.learners import RL2, DecisionTransformer, MANNPolicy, SNAILPolicy
from quickstudy.networks.attention import merged_heads
from quickstudy.tasks import Bandits, Mazes, MDPs, ShownTrials

LENGTH = 9
LEARNERS: dict[str, Callable[[], ActingLearner]] = {
    "snail": lambda: SNAILPolicy(3, (2,), num_steps=LENGTH, filters=8, value_filters=4),
    "rl2, gru": lambda: RL2(3, (2,), units=8),
    "rl2, lstm": lambda: RL2(3, (2,), units=8, cell="lstm"),
    "mann": lambda: MANNPolicy(3, (2,), hidden=8, slots=8, width=4, heads=2),
    "transformer": lambda: DecisionTransformer(3, (2,), channels=8, num_layers=2),
}
of_every_learner = pytest.mark.parametrize("name", LEARNERS)


@pytest.fixture
def experience(generator: torch.Generator) -> Experience:
    return Experience(
        torch.rand(4, LENGTH, 2, generator=generator),
        torch.randint(3, (4, LENGTH), generator=generator),
        torch.rand(4, LENGTH, generator=generator),
        torch.rand(4, LENGTH, generator=generator) < 0.3,
    )


def _loud(learner: ActingLearner) -> ActingLearner:
    """With a head whose weights are not near zero."""
    torch.nn.init.normal_(learner.policy.head.weight)  # type: ignore[union-attr,arg-type]
    return learner


def _part(experience: Experience, where: slice) -> Experience:
    return Experience(*(field[:, where] for field in experience))


@of_every_learner
def test_acting_step_by_step_agrees_with_reading_the_whole_trial(name: str, experience: Experience) -> None:
    learner = _loud(LEARNERS[name]()).eval()
    whole = learner.along(experience).logits
    state = learner.prior(4)
    for step in range(LENGTH):
        found = learner.predict(state, experience.observation[:, [step]]).logits
        assert torch.allclose(found, whole[:, [step]], atol=1e-5)
        state = learner.extend(state, _part(experience, slice(step, step + 1)))


@of_every_learner
def test_choosing_at_once_is_predicting_and_extending(name: str, experience: Experience) -> None:
    learner = _loud(LEARNERS[name]()).eval()
    state = one = learner.prior(4)
    for step in range(3):
        now = _part(experience, slice(step, step + 1))
        prediction, seen = learner.choose(one, now.observation)  # type: ignore[attr-defined]
        assert torch.allclose(prediction.logits, learner.predict(state, now.observation).logits, atol=1e-6)
        one, state = learner.conclude(seen, now), learner.extend(state, now)  # type: ignore[attr-defined]
    assert all(torch.allclose(*both, atol=1e-6) for both in zip(leaves(one), leaves(state), strict=True))


@of_every_learner
def test_extending_twice_equals_extending_once(name: str, experience: Experience) -> None:
    learner = _loud(LEARNERS[name]()).double().eval()
    exact = Experience(experience.observation.double(), experience.action, experience.reward.double(), experience.ended)
    once = learner.extend(learner.prior(4), exact)
    twice = learner.extend(learner.extend(learner.prior(4), _part(exact, slice(4))), _part(exact, slice(4, None)))
    query = torch.rand(4, 2, 2, dtype=torch.float64)
    assert torch.allclose(learner.predict(once, query).logits, learner.predict(twice, query).logits)


@of_every_learner
@pytest.mark.parametrize("field", ["action", "reward", "ended"])
def test_a_step_changes_later_actions_and_no_earlier_ones(name: str, field: str, experience: Experience) -> None:
    learner = _loud(LEARNERS[name]()).eval()
    step = 4
    changed = getattr(experience, field).clone()
    changed[:, step] = ~changed[:, step] if field == "ended" else (changed[:, step] + 1) % 3
    before, after = learner.along(experience).logits, learner.along(experience._replace(**{field: changed})).logits
    assert torch.equal(before[:, : step + 1], after[:, : step + 1])
    assert (before[:, step + 1] != after[:, step + 1]).any(dim=-1).all()


@of_every_learner
def test_every_step_reads_all_steps_before_it(name: str, experience: Experience) -> None:
    learner = _loud(LEARNERS[name]()).eval()
    reward = experience.reward.clone().requires_grad_()
    last = learner.along(experience._replace(reward=reward)).logits[:, -1].square().sum()
    (gradient,) = torch.autograd.grad(last, reward)
    assert (gradient[:, :-1] != 0).all()
    assert (gradient[:, -1] == 0).all()


@of_every_learner
def test_the_task_leads_every_leaf_and_a_batch_equals_a_loop(name: str, experience: Experience) -> None:
    learner = _loud(LEARNERS[name]()).double().eval()
    exact = Experience(experience.observation.double(), experience.action, experience.reward.double(), experience.ended)
    state = learner.extend(learner.prior(4), exact)
    assert all(len(leaf) == 4 for leaf in leaves(state))
    query = torch.rand(4, 3, 2, dtype=torch.float64)
    whole = learner.predict(state, query).logits
    for task in range(4):
        own = learner.extend(learner.prior(1), Experience(*(field[[task]] for field in exact)))
        assert torch.allclose(whole[[task]], learner.predict(own, query[[task]]).logits)


@of_every_learner
def test_queries_do_not_see_each_other(name: str, experience: Experience) -> None:
    learner = _loud(LEARNERS[name]()).double().eval()
    exact = Experience(experience.observation.double(), experience.action, experience.reward.double(), experience.ended)
    state = learner.extend(learner.prior(4), exact)
    query = torch.rand(4, 3, 2, dtype=torch.float64)
    together = learner.predict(state, query).logits
    assert torch.allclose(together[:, :1], learner.predict(state, query[:, :1]).logits)


@of_every_learner
def test_every_parameter_gets_a_gradient(name: str, experience: Experience) -> None:
    learner = LEARNERS[name]().train()
    loss = learner.along(experience).log_prob(experience.action).mean()
    if name != "transformer":
        loss = loss + learner.values(experience).square().mean()
    loss.backward()
    assert [key for key, each in learner.named_parameters() if each.grad is None or not each.grad.any()] == []


@of_every_learner
def test_policy_and_value_network_share_nothing(name: str, experience: Experience) -> None:
    if name == "transformer":
        with pytest.raises(UserError, match="has no value network"):
            LEARNERS[name]().values(experience)
        return
    learner = LEARNERS[name]()
    learner.values(experience).mean().backward()
    assert all(each.grad is None for each in learner.policy.parameters())  # type: ignore[union-attr]


@of_every_learner
def test_at_first_all_actions_are_about_as_probable(name: str, experience: Experience) -> None:
    probabilities = LEARNERS[name]().along(experience).probs
    assert float(probabilities.detach().max()) < 0.55


@of_every_learner
def test_what_would_be_misread_is_refused(name: str, experience: Experience) -> None:
    learner = LEARNERS[name]().eval()
    with pytest.raises(UserError, match="there are 3 actions"):
        learner.extend(learner.prior(4), experience._replace(action=experience.action + 1))
    with pytest.raises(UserError, match="was expected"):
        learner.predict(learner.prior(4), torch.rand(4, 1, 3))


@pytest.mark.parametrize("environment", [Bandits(3, 4), MDPs(3, 3, 2, 2), Mazes(episode_length=3)])
def test_learners_act_in_every_environment(environment, generator: torch.Generator) -> None:
    learner = SNAILPolicy(
        environment.num_actions, environment.observation_shape, num_steps=environment.num_steps, filters=4
    ).eval()
    trials = play(learner, environment, 5, generator)
    assert trials.experience.action.shape[0] == 5
    again = learner.along(trials.experience).log_prob(trials.experience.action)
    assert torch.allclose(again, trials.log_probability, atol=1e-5)


def test_imitation_learns_what_is_shown(generator: torch.Generator) -> None:
    tasks = ShownTrials(Bandits(3, 6), (partial(Greedy, 3),), "taken")
    learner = DecisionTransformer(3, (1,), channels=16, num_layers=1)
    optimiser = torch.optim.Adam(learner.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        loss = learner(tasks.sample(64, generator))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-10:]) / 10 < sum(losses[:5]) / 5 - 0.1


def test_kept_activations_save_most_of_the_time() -> None:
    # A few steps at the end of a long trial; the benchmark measures the whole of it.
    learner = SNAILPolicy(5, (1,), num_steps=100).eval().switch_gradients_off()
    length = 100
    experience = Experience(
        torch.ones(64, length, 1),
        torch.zeros(64, length, dtype=torch.long),
        torch.zeros(64, length),
        torch.ones(64, length).bool(),
    )
    state = learner.extend(learner.prior(64), _part(experience, slice(length - 1)))
    times = []
    for act in (
        lambda: learner.extend(state, _part(experience, slice(1))) and learner.predict(state, torch.ones(64, 1, 1)),
        lambda: learner.along(experience),
    ):
        act()
        started = time.process_time()
        act()
        times.append(time.process_time() - started)
    assert times[0] * 5 < times[1]


@pytest.mark.parametrize(("name", "heads"), [("snail", 1), ("transformer", 4)])
def test_attention_reads_the_past_and_adds_up_to_one(name: str, heads: int, experience: Experience) -> None:
    learner = LEARNERS[name]().eval()
    assert isinstance(learner, ReadsThePast)
    with torch.no_grad():
        weights = learner.attention(experience)
    assert weights.shape == (4, heads, LENGTH, LENGTH)
    assert torch.allclose(weights.sum(dim=-1), torch.ones(4, heads, LENGTH))
    assert not weights.triu(1).any()


def test_attention_is_what_the_network_reads_with(experience: Experience) -> None:
    snail = SNAILPolicy(3, (2,), num_steps=LENGTH, filters=8).eval()
    *convolutions, attention = snail.policy.block.blocks  # type: ignore[union-attr,misc]
    with torch.no_grad():
        x = snail._whole(experience)
        for block in convolutions:
            x = block(x)
        read = snail.attention(experience)[:, 0] @ attention.values(x)
        assert torch.allclose(attention(x)[..., -8:], read, atol=1e-6)
    transformer = DecisionTransformer(3, (2,), channels=8, num_layers=1, num_heads=2).eval()
    with torch.no_grad():
        layer, x = transformer.policy.block.layers[0], transformer.policy.block.enter(transformer._whole(experience))  # type: ignore[operator,union-attr,index]
        seen = layer.remember(x)
        read = merged_heads(transformer.attention(experience) @ seen.values)
        expected = x + layer.out(read)
        expected = transformer.policy.block.norm(expected + layer.perceptron(expected))  # type: ignore[operator,union-attr]
        assert torch.allclose(transformer.policy.block(transformer._whole(experience)), expected, atol=1e-5)


def test_learners_without_attention_do_not_claim_it() -> None:
    assert not isinstance(LEARNERS["rl2, gru"](), ReadsThePast)
