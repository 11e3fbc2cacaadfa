"""VSML learns by messages alone: what it may see, what it equals, and that it can be back-propagation."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from quickstudy.core import Tasks, UserError, select_tasks
from quickstudy.learners import VSML, VSMLState
from quickstudy.networks.pooled_pixels import PooledPixels
from quickstudy.networks.shared_cells import (
    CellState,
    SharedCell,
    convolutional_cells,
    dense_cells,
    set_backpropagation,
)
from quickstudy.tasks import PrototypeLayout, Prototypes
from quickstudy.training.evolution import Evolution, OpenAIES, evolve, trained_weights


def tiny(*sizes: int, **options) -> VSML:
    """A learner whose cells change soon."""
    return VSML(dense_cells(*sizes), SharedCell(gate_offset=1.0), **options)


def drawn(inputs: int, ways: int, support: int, num_tasks: int = 3, seed: int = 0) -> Tasks:
    layout = PrototypeLayout(inputs, ways, support, 2)
    return Prototypes(layout).sample(num_tasks, torch.Generator().manual_seed(seed))


DEPTHS = [((5, 3), {}), ((5, 4, 3), {}), ((5, 4, 3), {"backward_pass": True, "feed_label": True})]


@pytest.mark.parametrize(("sizes", "options"), DEPTHS)
def test_a_prediction_depends_on_no_label_of_its_own_step_or_later(sizes, options) -> None:
    learner, tasks = tiny(*sizes, **options).eval(), drawn(5, 3, 8)
    said = learner.predict_sequence(tasks.support_x, tasks.support_y).logits
    changed = tasks.support_y.clone()
    changed[:, 4] = (changed[:, 4] + 1) % 3
    other = learner.predict_sequence(tasks.support_x, changed).logits
    assert torch.equal(said[:, :5], other[:, :5])
    # An error that moves one layer down with each example reaches the first layer later.
    assert (said[:, 5:] - other[:, 5:]).abs().max() > 0


@pytest.mark.parametrize(("sizes", "options"), DEPTHS)
def test_a_query_is_predicted_as_the_next_example_of_the_sequence(sizes, options) -> None:
    learner, tasks = tiny(*sizes, **options).eval(), drawn(5, 3, 8)
    state = learner.adapt(tasks.support_x[:, :7], tasks.support_y[:, :7])
    state = state._replace(is_seen=torch.ones_like(state.is_seen))
    asked = learner.predict(state, tasks.support_x[:, 7:]).logits
    along = learner.predict_sequence(tasks.support_x, tasks.support_y).logits
    assert torch.allclose(asked[:, 0], along[:, 7], atol=1e-5)


def test_the_gradient_through_the_unrolled_episode_is_that_of_finite_differences() -> None:
    learner = tiny(3, 2).double()
    tasks = drawn(3, 2, 4, num_tasks=2).to("cpu", torch.float64)
    learner.eval()  # The first state is then the same in each call.
    weight = learner.cell.gates.weight
    learner(tasks).backward()
    assert weight.grad is not None
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        row, column = (int(torch.randint(size, (), generator=generator)) for size in weight.shape)
        losses = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                weight[row, column] += step
                losses.append(float(learner(tasks)))
                weight[row, column] -= step
        difference = (losses[0] - losses[1]) / 2e-5
        assert float(weight.grad[row, column]) == pytest.approx(difference, rel=1e-4, abs=1e-10)


def test_without_a_layer_below_the_backward_messenger_is_not_trained() -> None:
    assert not tiny(3, 2).cell.backward_messenger.weight.requires_grad
    assert tiny(3, 4, 2).cell.backward_messenger.weight.requires_grad


def test_in_training_each_call_and_each_task_starts_from_a_new_state() -> None:
    learner = tiny(3, 2)
    one, other = learner.prior(2).cells[0].memory
    assert not torch.equal(one, other)
    learner.eval()
    assert torch.equal(learner.prior(2).cells[0].memory, learner.prior(2).cells[0].memory)


def test_classes_without_an_example_are_excluded_once_there_is_an_example() -> None:
    learner = tiny(3, 4).eval()
    state = learner.extend(learner.prior(1), torch.randn(1, 2, 3), torch.tensor([[0, 2]]))
    assert (learner.predict(state, torch.randn(1, 5, 3)).probs[..., [1, 3]] == 0).all()
    assert (learner.predict(learner.prior(1), torch.randn(1, 5, 3)).probs > 0).all()


def test_the_same_cell_serves_another_size() -> None:
    learner = tiny(3, 2).eval()
    other = learner.with_layers(dense_cells(7, 6, 5))
    assert other.cell is learner.cell
    assert not other.training
    assert other.predict_sequence(torch.randn(1, 4, 7), torch.tensor([[0, 4, 2, 1]])).logits.shape == (1, 4, 5)


def test_convolutions_of_cells_read_images_and_learn_from_errors() -> None:
    layers = convolutional_cells((7, 7), (1, 2), 3)
    encoder = PooledPixels((1, 14, 14), 7)
    learner = VSML(layers, SharedCell(gate_offset=1.0), encoder=encoder, backward_pass=True)
    tasks = Tasks(
        torch.rand(2, 4, 1, 14, 14), torch.randint(3, (2, 4)), torch.rand(2, 2, 1, 14, 14), torch.zeros(2, 2).long()
    )
    learner(tasks).backward()
    assert all(parameter.grad is not None for parameter in learner.parameters())
    learner.eval()
    state = learner.adapt(tasks.support_x, tasks.support_y)
    changed = learner.adapt(tasks.support_x, (tasks.support_y + 1) % 3)
    assert not torch.equal(state.cells[0].memory, changed.cells[0].memory), "the error reaches the convolution"


def test_layers_and_inputs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        VSML((*dense_cells(3, 4), *dense_cells(5, 2)))
    with pytest.raises(UserError, match="have 4 numbers each, but the learner was built for 3"):
        tiny(3, 2).adapt(torch.randn(1, 2, 4), torch.tensor([[0, 1]]))
    with pytest.raises(UserError, match="label 2"):
        tiny(3, 2).adapt(torch.randn(1, 2, 3), torch.tensor([[0, 2]]))


def test_a_one_layer_clone_of_back_propagation_follows_gradient_descent_for_fifty_steps(
    generator: torch.Generator,
) -> None:
    cell, rate = SharedCell(micro_ticks=1), 2.0
    scale = set_backpropagation(cell, rate)
    learner = VSML(dense_cells(6, 3), cell, backward_pass=True).eval()
    x, y = torch.randn(2, 50, 6, generator=generator), torch.randint(3, (2, 50), generator=generator)
    weight, state = torch.zeros(2, 6, 3), learner.prior(2)
    for step in range(50):
        logits = torch.einsum("ti,tio->to", x[:, step].tanh(), weight) / 6
        error = logits.softmax(dim=-1) - one_hot(y[:, step], 3)
        weight = weight - rate * torch.einsum("ti,to->tio", x[:, step].tanh(), error)
        state = learner.extend(state, x[:, [step]], y[:, [step]])
        assert (_weight(state.cells[0], scale) - weight).abs().max() < 1e-2
    assert weight.abs().max() > 1, "the weights did move"


def test_a_deep_clone_of_back_propagation_follows_autograd_for_fifty_steps(generator: torch.Generator) -> None:
    """Messages are means, so a layer of the clone is a mean over its inputs, and errors are means over its outputs."""
    cell, rate = SharedCell(micro_ticks=1).double(), 0.05
    scale = set_backpropagation(cell, rate, signal=1e-4)
    learner = VSML(dense_cells(4, 5, 3), cell, backward_pass=True).double().eval()
    x, y = torch.randn(1, 50, 4, generator=generator).double(), torch.randint(3, (1, 50), generator=generator)
    first = [2 * torch.randn(size, generator=generator).double() for size in ((4, 5), (5, 3))]
    weights, state = first, _started(learner.prior(1), first, scale)
    for step in range(50):
        weights = [weight.clone().requires_grad_() for weight in weights]
        middle = x[0, step].tanh() @ weights[0] / 4
        logits = middle.tanh() @ weights[1] / 5
        loss = torch.nn.functional.cross_entropy(logits[None], y[:, step])
        found = torch.autograd.grad(loss, weights)
        # The mean over 4 or 5 inputs, and that of messages downwards over 3 outputs, only scale the rates.
        rates = (rate * 4 * 5 / 3, rate * 5)
        weights = [(weight - own * each).detach() for weight, own, each in zip(weights, rates, found, strict=True)]
        state = learner.extend(state, x[:, [step]], y[:, [step]])
        for own, weight in zip(state.cells, weights, strict=True):
            assert (_weight(own, scale)[0] - weight).abs().max() < 1e-2
    assert all((weight - own).abs().max() > 0.1 for weight, own in zip(weights, first, strict=True))


def _weight(cells: CellState, scale: float) -> Tensor:
    return scale * (cells.memory[..., 8] - cells.memory[..., 10])


def _started(state: VSMLState, weights: list[Tensor], scale: float) -> VSMLState:
    """The state in which connections have these weights: half in the channels that count, minus half in the others."""
    cells = []
    for own, weight in zip(state.cells, weights, strict=True):
        memory = own.memory.clone()
        memory[..., [8, 9, 12, 13]] = weight[None, ..., None] / scale / 2
        memory[..., [10, 11, 14, 15]] = -weight[None, ..., None] / scale / 2
        cells.append(own._replace(memory=memory))
    return state._replace(cells=tuple(cells))


def test_evolution_lowers_the_loss_of_a_small_cell() -> None:
    cell = SharedCell(message_size=3, state_size=4, gate_offset=0.0, micro_ticks=1)
    learner = VSML(dense_cells(3, 2), cell)
    strategy = OpenAIES(trained_weights(learner), 32, deviation=0.05, learning_rate=0.025, shaping="losses")
    settings = Evolution(steps=3, tasks_per_member=4, members_at_once=16)
    before = trained_weights(learner)
    losses = evolve(learner, Prototypes(PrototypeLayout(3, 2, 9)), strategy, settings)
    assert all(0 < loss < 5 for loss in losses)
    assert not torch.equal(before, trained_weights(learner))


def test_a_state_of_selected_tasks_goes_on_learning() -> None:
    learner, tasks = tiny(5, 3).eval(), drawn(5, 3, 8)
    state = learner.adapt(tasks.support_x[:, :4], tasks.support_y[:, :4])
    own = learner.extend(select_tasks(state, [1]), tasks.support_x[[1], 4:], tasks.support_y[[1], 4:])
    whole = learner.extend(state, tasks.support_x[:, 4:], tasks.support_y[:, 4:])
    assert torch.allclose(own.cells[0].memory, whole.cells[0].memory[[1]], atol=1e-6)
