"""The rule of BLUR, and back-propagation as one of its genomes."""

import pytest
import torch
from torch import Tensor

from quickstudy.networks.two_way_units import (
    Genome,
    Synapses,
    changed,
    first_synapses,
    forward_pass,
    sign_symmetric_synapses,
    tied,
    with_feedback,
)

SIZES = (3, 5, 4, 2)


def drawn(generator: torch.Generator, *, ties: bool) -> tuple[list[Synapses], Tensor, Tensor]:
    synapses = [Synapses(*(each.double() for each in pair)) for pair in first_synapses(SIZES, 2, 1.0, generator)]
    x = torch.randn(1, 6, 3, generator=generator).double()
    target = 2 * torch.randint(2, (1, 6, 2), generator=generator).double() - 1
    return [tied(pair) for pair in synapses] if ties else synapses, x, target


def gradient_genome(rate: float = 0.1) -> Genome:
    genome = Genome(start="gradient").double()
    genome.set_gradient(rate)
    return genome


def test_a_genome_has_twenty_numbers() -> None:
    assert sum(parameter.numel() for parameter in Genome().parameters()) == 20
    assert sum(parameter.numel() for parameter in Genome(3).parameters()) == 40


def test_with_the_genome_of_back_propagation_one_step_is_that_of_autograd_in_all_layers(
    generator: torch.Generator,
) -> None:
    genome = gradient_genome()
    synapses, x, target = drawn(generator, ties=True)
    weights = [pair.up[0, ..., 0].clone().requires_grad_() for pair in synapses]
    z = x[0]
    for depth, weight in enumerate(weights):
        drive = torch.cat([z, torch.ones(6, 1).double()], dim=1) @ weight
        z = drive.tanh() if depth == 2 else drive.sigmoid()
    gradients = torch.autograd.grad(((z - target[0]) ** 2).sum() / 2, weights)
    layers = forward_pass(genome, synapses, x, "backpropagation")
    assert torch.allclose(layers[-1][0, ..., 0], z)
    layers = with_feedback(genome, synapses, layers, target, "backpropagation")
    after = changed(genome, synapses, layers, torch.ones(1, 6).double(), "backpropagation")
    for old, new, gradient in zip(synapses, after, gradients, strict=True):
        for state in (0, 1):
            assert torch.allclose((new.up - old.up)[0, ..., state], -0.1 * gradient, rtol=1e-5, atol=1e-12)
        assert torch.equal(new.down, new.up.transpose(1, 2))


def test_the_change_upwards_is_the_product_of_value_and_feedback_and_downwards_its_transpose(
    generator: torch.Generator,
) -> None:
    x, feedback = torch.randn(1, 6, 3, generator=generator), torch.randn(1, 6, 5, generator=generator)
    below = torch.stack([x, torch.zeros_like(x)], dim=-1)
    above = torch.stack([torch.zeros_like(feedback), feedback], dim=-1)
    pair = first_synapses((3, 5), 2, 0.0, generator)
    genome = Genome(start="gradient")
    genome.set_gradient(1.0)
    (after,) = changed(genome, pair, [below, above], torch.ones(1, 6))
    expected = -torch.cat([x[0], torch.ones(6, 1)], dim=1).T @ feedback[0]
    assert torch.allclose(after.up[0, ..., 0], expected, atol=1e-5)
    assert torch.allclose(after.down[0, :, :-1, 1], expected[:-1].T, atol=1e-5)
    assert not after.up[0, :-1, :, 1].any()


def test_the_forward_pass_of_the_gradient_genome_gives_the_usual_products_in_both_states(
    generator: torch.Generator,
) -> None:
    synapses, x, _ = drawn(generator, ties=True)
    layers = forward_pass(gradient_genome(), synapses[:1], x)
    expected = (torch.cat([x[0], torch.ones(6, 1).double()], dim=1) @ synapses[0].up[0, ..., 0]).tanh()
    for state in (0, 1):
        assert torch.allclose(layers[1][0, ..., state], expected)


def test_the_feedback_leaves_out_the_bias_and_keeps_states_above_zero(generator: torch.Generator) -> None:
    synapses, x, target = drawn(generator, ties=False)
    genome = gradient_genome()
    layers = forward_pass(genome, synapses, x)
    after = with_feedback(genome, synapses, layers, target)
    assert torch.equal(after[0], layers[0]), "inputs stay"
    assert torch.equal(after[-1][..., 0], layers[-1][..., 0])
    assert torch.equal(after[-1][..., 1], target)
    expected = layers[2][..., 1] + torch.einsum("tbj,tji->tbi", target, synapses[2].down[:, :, :-1, 1])
    assert torch.allclose(after[2][..., 1], expected.tanh().relu())


def test_hidden_neurons_may_be_permuted_with_their_synapses(generator: torch.Generator) -> None:
    genome = Genome().double()
    synapses, x, target = drawn(generator, ties=False)
    order = torch.tensor([3, 0, 4, 1, 2])
    with_bias = torch.cat([order, torch.tensor([5])])
    first, second = synapses[0], synapses[1]
    moved = [
        Synapses(first.up[:, :, order], first.down[:, order]),
        Synapses(second.up[:, with_bias], second.down[:, :, with_bias]),
        synapses[2],
    ]
    outputs = []
    for pairs in (synapses, moved):
        layers = with_feedback(genome, pairs, forward_pass(genome, pairs, x), target)
        pairs = changed(genome, pairs, layers, torch.ones(1, 6).double())
        outputs.append(forward_pass(genome, pairs, x)[-1])
    assert torch.allclose(outputs[0], outputs[1], atol=1e-9)


def test_examples_count_as_much_as_their_weight(generator: torch.Generator) -> None:
    genome = Genome().double()
    synapses, x, target = drawn(generator, ties=False)

    def after(inputs: Tensor, answers: Tensor, weight: Tensor) -> Tensor:
        layers = with_feedback(genome, synapses, forward_pass(genome, synapses, inputs), answers)
        return changed(genome, synapses, layers, weight)[0].up

    weight = torch.tensor([[2.0, 2.0, 2.0, 0.0, 0.0, 0.0]]).double()
    twice = after(x[:, [0, 1, 2, 0, 1, 2]], target[:, [0, 1, 2, 0, 1, 2]], torch.ones(1, 6).double())
    assert torch.allclose(after(x, target, weight), twice)


def test_genomes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="num_states is 1"):
        Genome(1)
    with pytest.raises(ValueError, match="num_states is 3"):
        Genome(3, "gradient")


@pytest.fixture
def changed_signs() -> tuple[list[Synapses], list[Synapses], Genome]:
    """First synapses whose groups have eight neurons for two inputs and an answer, drawn twice in the same way."""
    torch.manual_seed(3)
    drawn = [sign_symmetric_synapses((2, 24, 1), 2, 1.0, torch.Generator().manual_seed(1)) for _ in range(2)]
    genome = Genome()
    with torch.no_grad():
        genome.rates[3] = 0.01
    return drawn[0], drawn[1], genome


def learned(genome: Genome, synapses: list[Synapses], x_TBI: torch.Tensor, y_TBJ: torch.Tensor) -> torch.Tensor:
    """Outputs for the same inputs after two updates."""
    for _ in range(2):
        layers = with_feedback(genome, synapses, forward_pass(genome, synapses, x_TBI), y_TBJ)
        synapses = changed(genome, synapses, layers, torch.ones(x_TBI.shape[:2]))
    return forward_pass(genome, synapses, x_TBI)[-1][..., 0]


@pytest.mark.parametrize(("of_inputs", "of_answer"), [((-1, 1), 1), ((1, -1), 1), ((1, 1), -1), ((-1, -1), -1)])
@torch.no_grad()
def test_with_symmetric_signs_a_changed_sign_of_inputs_or_answers_changes_nothing_else(
    changed_signs, of_inputs, of_answer
) -> None:
    one, other, genome = changed_signs
    x_TBI = 2 * torch.rand(1, 30, 2) - 1
    y_TBJ = (x_TBI.sum(dim=2, keepdim=True) > 0.3).float() * 2 - 1
    plain = learned(genome, one, x_TBI, y_TBJ)
    signed = learned(genome, other, x_TBI * torch.tensor(of_inputs), y_TBJ * of_answer)
    assert plain.abs().mean() > 1e-3
    assert torch.allclose(signed, of_answer * plain, atol=1e-5)


def test_groups_of_symmetric_signs_have_synapses_of_their_own(changed_signs) -> None:
    lower, upper = changed_signs[0]
    assert len(lower.up[0, 0, :, 0].abs().unique()) == 3
    assert upper.up[0, :, 0, 0].abs().unique().numel() == 4  # Three groups, and no bias.
    assert not upper.up[0, -1].any()


@pytest.mark.parametrize("sizes", [(2, 20, 1), (2, 8, 8, 1), (2, 1)])
def test_symmetric_signs_need_one_hidden_layer_of_whole_groups(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one layer was expected, and a multiple of 8"):
        sign_symmetric_synapses(sizes, 2, 1.0, torch.Generator())
