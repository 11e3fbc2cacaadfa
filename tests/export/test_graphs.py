import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from quickstudy.core import Learner, UserError, leaves
from quickstudy.export.graphs import Adapt, Predict, Sizes, make_example, trace
from quickstudy.learners import MAML, AmortisedGP, AveragedGP, CNPClassifier, ProtoNet, Reptile, StandardisedMeans
from quickstudy.networks import Conv4
from quickstudy.networks.functional import FunctionalConv4, FunctionalPerceptron


def small() -> ProtoNet:
    torch.manual_seed(0)
    return ProtoNet(Conv4(channels=4, image_size=14))


def test_both_graphs_together_predict_as_the_learner_on_tasks_of_other_sizes() -> None:
    learner = small()
    graphs = trace(learner, Sizes(tasks=2, ways=3, shots=1, queries=4))
    for sizes in (Sizes(1, 2, 4, 1), Sizes(5, 6, 2, 9)):
        example = make_example(learner, sizes, seed=1)
        state = graphs.adapt.module()(*example.adapting)
        (found,) = graphs.predict.module()(state, example.query_x)
        expected = learner.predict(learner.adapt(example.support_x, example.support_y), example.query_x).logits
        assert torch.allclose(found, expected, atol=1e-5)


def test_the_state_of_a_graph_is_that_of_the_learner_in_order() -> None:
    learner = small().eval()
    example = make_example(learner, Sizes())
    found = Adapt(learner)(*example.adapting)
    expected = leaves(learner.adapt(example.support_x, example.support_y))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_examples_have_the_shape_that_the_learner_reads() -> None:
    example = make_example(small(), Sizes(2, 3, 4, 5))
    assert example.support_x.shape == (2, 12, 1, 14, 14)
    assert example.query_x.shape == (2, 5, 1, 14, 14)
    assert example.classes is not None
    assert example.classes.tolist() == [0, 1, 2]
    assert example.support_y[0].bincount().tolist() == [4, 4, 4]


class ByNumbers(ProtoNet):
    """Decides by a number that is computed, which a graph cannot."""

    def adapt(self, support_x, support_y, support_mask=None):
        return super().adapt(support_x if float(support_x.mean()) > 0.3 else 2 * support_x, support_y)


def test_a_learner_that_decides_by_numbers_is_refused_with_the_way_out() -> None:
    learner = ByNumbers(Conv4(channels=4, image_size=14))
    with pytest.raises(UserError, match=r"ByNumbers cannot be traced to a graph: .*quickstudy\.load"):
        trace(learner)


def inner_loops() -> dict[str, Learner]:
    """Learners that train while they adapt."""
    torch.manual_seed(0)
    convolutions = FunctionalConv4(3, channels=4, blocks=2, image_size=8, head_deviation=0.1)
    layers = FunctionalPerceptron(64, (8,), 3, head_deviation=0.1)
    layers.image_shape = (1, 8, 8)
    return {
        "MAML": MAML(convolutions, inner_steps=2, inner_rate=0.1),
        "MAML, each query by itself": MAML(convolutions, inner_steps=1, is_transductive=False),
        "MAML without convolutions": MAML(layers, inner_steps=2, inner_rate=0.1),
        "ANIL": MAML(layers, inner_steps=1, adapts="head"),
        "Reptile": Reptile(convolutions, test_steps=3),
    }


@pytest.mark.parametrize("name", inner_loops())
def test_inner_loops_are_in_the_graph_and_predict_as_the_learner(name: str) -> None:
    learner = inner_loops()[name]
    graphs = trace(learner, Sizes(tasks=2, ways=3, shots=2, queries=4))
    example = make_example(learner, Sizes(tasks=1, ways=3, shots=2, queries=5), seed=1)  # Convolutions fix one task.
    (found,) = graphs.predict.module()(graphs.adapt.module()(*example.adapting), example.query_x)
    expected = learner.predict(learner.adapt(example.support_x, example.support_y), example.query_x).logits
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_a_number_of_classes_is_open_where_the_learner_has_no_slots() -> None:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(2), nn.Linear(784, 6))
    learner = CNPClassifier(encoder, 6, decoder="shared", representation=4, hidden=8)
    graphs = trace(learner, Sizes(2, 3, 2, 4))
    example = make_example(learner, Sizes(2, 7, 1, 3))
    (found,) = graphs.predict.module()(graphs.adapt.module()(*example.adapting), example.query_x)
    assert found.shape == (2, 3, 7)


def test_nothing_that_amortised_processes_do_depends_on_numbers() -> None:
    torch.manual_seed(0)  # Tracing the whole graph takes too long for a test. These tensors have shapes alone.
    learner = AmortisedGP(hidden=16).eval()
    x, y, query_x = torch.rand(2, 6, 1), torch.rand(2, 6, 1), torch.rand(2, 3, 1)
    state = learner.adapt(x, y)
    assert all(torch.equal(one, other) for one, other in zip(Adapt(learner)(x, y), leaves(state), strict=True))
    with FakeTensorMode(allow_non_fake_inputs=True) as mode, torch.no_grad():
        tensors = Adapt(learner)(mode.from_tensor(x), mode.from_tensor(y))
        mean, deviation = Predict(learner, state)(tensors, mode.from_tensor(query_x))
    assert (mean.shape, deviation.shape) == ((2, 3, 1), (2, 3, 1))


def test_averaged_processes_are_graphs_for_any_number_of_tasks_and_points() -> None:
    learner = AveragedGP()
    graphs = trace(learner, Sizes(tasks=2, ways=2, shots=2, queries=3))
    example = make_example(learner, Sizes(tasks=3, ways=3, shots=3, queries=5), seed=1)
    assert example.classes is None
    found = graphs.predict.module()(graphs.adapt.module()(*example.adapting), example.query_x)
    expected = learner.predict(learner.adapt(example.support_x, example.support_y), example.query_x)
    torch.testing.assert_close(found[0], expected.mean, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[1], expected.stddev, atol=1e-5, rtol=1e-5)


def test_a_learner_without_a_part_that_reads_images_reads_rows_of_any_length() -> None:
    learner = StandardisedMeans()
    graphs = trace(learner, Sizes(2, 3, 2, 4))
    support_x, support_y, query_x = torch.randn(1, 4, 9), torch.tensor([[0, 1, 0, 1]]), torch.randn(1, 5, 9)
    state = graphs.adapt.module()(support_x, support_y, torch.arange(2))
    (found,) = graphs.predict.module()(state, query_x)
    expected = learner.predict(learner.adapt(support_x, support_y), query_x).logits
    torch.testing.assert_close(found, expected)


class OfOtherTasks(ProtoNet):
    """Refuses images."""

    def adapt(self, support_x, support_y, support_mask=None):
        raise UserError("actions were expected.")


def test_a_learner_of_other_tasks_is_refused_with_what_graphs_are_made_for() -> None:
    with pytest.raises(UserError, match=r"OfOtherTasks reads other tasks .* images, rows or curves.*: actions were"):
        trace(OfOtherTasks(Conv4(channels=4, image_size=14)))
