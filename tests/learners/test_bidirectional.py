"""BLUR: what its genome learns, by gradients and by evolution, and what its synapses may depend on."""

import pytest
import torch
from torch import Tensor

from quickstudy.core import Tasks, UserError
from quickstudy.learners import BLUR
from quickstudy.tasks import BooleanPlane, PrototypeLayout, Prototypes
from quickstudy.training.evolution import CMAES, Evolution, evolve, trained_weights


def separable(ways: int = 2, support: int = 30) -> Tasks:
    layout = PrototypeLayout(4, ways, support, 40, noise=0.2)
    return Prototypes(layout).sample(6, torch.Generator().manual_seed(0))


def accuracy(learner: BLUR, tasks: Tasks) -> float:
    learner.eval()
    with torch.no_grad():
        prediction = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
    return float((prediction.probs.argmax(dim=-1) == tasks.query_y).double().mean())


def back_propagation(ways: int, updates: int, rate: float = 0.01) -> BLUR:
    learner = BLUR(4, ways, start="gradient", rule="backpropagation", test_updates=updates, synapse_scale=0.5)
    learner.genome.set_gradient(rate)
    return learner


@pytest.mark.parametrize("ways", [2, 3])
def test_with_the_genome_of_back_propagation_it_learns_by_gradient_descent(ways: int) -> None:
    tasks = separable(ways)
    assert accuracy(back_propagation(ways, 150, 0.005), tasks) > 0.9
    assert accuracy(back_propagation(ways, 0), tasks) < 0.8


def test_an_update_is_a_step_of_gradient_descent_on_the_squared_error() -> None:
    learner, tasks = back_propagation(2, 1).double().eval(), separable().to("cpu", torch.float64)
    first = [learner.get_buffer(f"up_{depth}")[0, ..., 0].clone().requires_grad_() for depth in range(2)]
    ones = torch.ones(30, 1).double()
    hidden = (torch.cat([tasks.support_x[2], ones], dim=1) @ first[0]).sigmoid()
    output = (torch.cat([hidden, ones], dim=1) @ first[1]).tanh().squeeze(1)
    loss = ((output - (2 * tasks.support_y[2] - 1)) ** 2).sum() / 2 * 128 / 30
    state = learner.adapt(tasks.support_x, tasks.support_y)
    for weight, gradient, pair in zip(first, torch.autograd.grad(loss, first), state.synapses, strict=True):
        assert torch.allclose(pair.up[2, ..., 0] - weight, -0.01 * gradient, rtol=1e-5, atol=1e-12)


def test_examples_that_are_not_real_teach_nothing() -> None:
    learner, tasks = back_propagation(2, 3).eval(), separable()
    mask = torch.arange(30).expand(6, -1) < torch.tensor([[30], [12], [30], [12], [5], [5]])
    together = learner.adapt(tasks.support_x, tasks.support_y, mask)
    for task, count in ((1, 12), (4, 5)):
        alone = learner.adapt(tasks.support_x[[task], :count], tasks.support_y[[task], :count])
        for one, other in zip(alone.synapses, together.synapses, strict=True):
            assert torch.allclose(one.up[0], other.up[task], atol=1e-5)


def test_a_support_that_comes_twice_teaches_the_same() -> None:
    learner, tasks = BLUR(4).eval(), separable()
    one = learner.adapt(tasks.support_x, tasks.support_y)
    twice = learner.adapt(tasks.support_x.repeat(1, 2, 1), tasks.support_y.repeat(1, 2))
    assert torch.allclose(one.synapses[0].up, twice.synapses[0].up, atol=1e-4)


def test_the_probability_of_two_classes_is_that_of_the_output() -> None:
    learner, tasks = BLUR(4, test_updates=1).eval(), separable()
    state = learner.adapt(tasks.support_x, tasks.support_y)
    output = learner._outputs(state, tasks.query_x)[..., 0]
    probability = learner.predict(state, tasks.query_x).probs[..., 1]
    assert torch.allclose(probability, (1 + output) / 2, atol=1e-5)


def test_classes_without_an_example_are_excluded() -> None:
    learner = BLUR(4, 4).eval()
    state = learner.adapt(torch.randn(1, 2, 4), torch.tensor([[0, 2]]))
    assert (learner.predict(state, torch.randn(1, 5, 4)).probs[..., [1, 3]] == 0).all()


def test_the_number_of_updates_is_random_in_training_and_fixed_at_test(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, tasks, seen = BLUR(4, updates=(2, 4), test_updates=3), separable(), []
    adapted = learner._adapted

    def noted(z: Tensor, y: Tensor, mask: Tensor | None, updates: int):
        seen.append(updates)
        return adapted(z, y, mask, updates)

    monkeypatch.setattr(learner, "_adapted", noted)
    for _ in range(40):
        learner(tasks)
    assert set(seen) == {2, 3, 4}
    seen.clear()
    learner.eval()
    learner(tasks)
    learner.adapt(tasks.support_x, tasks.support_y)
    assert seen == [3, 3]


def test_the_seed_decides_the_first_synapses_which_are_not_stored() -> None:
    one, same, other = BLUR(4, seed=1), BLUR(4, seed=1), BLUR(4, seed=2)
    assert torch.equal(one.up_0, same.up_0)
    assert not torch.equal(one.up_0, other.up_0)
    assert sum(value.numel() for value in one.state_dict().values()) == 20


def test_meta_training_by_gradients_lowers_the_loss() -> None:
    torch.manual_seed(3)
    learner = BLUR(2, start="gradient", updates=(2, 4))
    optimiser, generator = torch.optim.Adam(learner.parameters(), 1e-2), torch.Generator().manual_seed(0)
    fixed = BooleanPlane(("or", "and")).sample(8, torch.Generator().manual_seed(9))
    before = float(learner.eval()(fixed).detach())
    learner.train()
    for _ in range(40):
        loss = learner(BooleanPlane(("or", "and")).sample(2, generator))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimiser.step()
    assert float(learner.eval()(fixed).detach()) < 0.8 * before


def test_meta_training_by_cma_es_lowers_the_loss_within_two_hundred_losses() -> None:
    pytest.importorskip("cma")
    learner = BLUR(2, start="gradient", updates=(3, 3), test_updates=3)
    fixed = BooleanPlane().sample(8, torch.Generator().manual_seed(9))
    before = float(learner.eval()(fixed).detach())
    strategy = CMAES(trained_weights(learner), 12, deviation=0.5)
    evolve(learner, BooleanPlane(), strategy, Evolution(steps=16, tasks_per_member=8))
    assert float(learner.eval()(fixed).detach()) < before


def test_networks_and_inputs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="num_ways is 1"):
        BLUR(4, 1)
    with pytest.raises(ValueError, match="back-propagation has 2"):
        BLUR(4, num_states=3, rule="backpropagation")
    with pytest.raises(UserError, match="have 3 numbers each, but the learner was built for 4"):
        BLUR(4).adapt(torch.randn(1, 2, 3), torch.tensor([[0, 1]]))
