import pytest
import torch
from torch import nn

from quickstudy.core import Tasks, UserError
from quickstudy.learners.lstm import LSTM
from quickstudy.testing import check_learner
from quickstudy.testing.laws import LAWS

both_networks = pytest.mark.parametrize("is_recurrent", [True, False])


def build(**options) -> LSTM:
    """Over vectors of six numbers, in float64."""
    torch.manual_seed(0)
    return LSTM(6, **{"max_ways": 4, "hidden": 16, **options}).double().eval()


@pytest.fixture
def sequence(generator):
    """Two sequences of eight vectors and their labels, in float64."""
    x = torch.randn(2, 8, 6, generator=generator, dtype=torch.float64)
    return x, torch.tensor([[0, 1, 2, 0, 3, 1, 2, 0], [2, 2, 1, 0, 0, 1, 3, 3]])


def test_the_lstm_obeys_the_laws(tasks):
    torch.manual_seed(0)
    learner = LSTM(28 * 28, max_ways=3, hidden=64, labels_come="at once")
    assert "training beats chance" in check_learner(learner, tasks, training_steps=200)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_feed_forward_network_obeys_the_laws_but_learns_nothing(law, tasks):
    law(LSTM(28 * 28, max_ways=3, hidden=16, is_recurrent=False).double().eval(), tasks.to("cpu", torch.float64))


def test_the_sizes_are_the_papers():
    lstm = LSTM(400, max_ways=5)
    gates = [*lstm.network.cell.parameters(), *lstm.network.from_labels.parameters()]
    assert sum(parameter.numel() for parameter in gates) == 484_800


def test_it_is_a_standard_lstm_told_the_labels_one_step_late(sequence):
    (x, y), learner = sequence, build()
    cell = learner.network.cell
    reference = nn.LSTM(10, 16, batch_first=True).double()
    with torch.no_grad():  # torch's order of the gates is i, f, u, o.
        f, i, o, u = torch.cat([cell.from_inputs.weight, learner.network.from_labels.weight], dim=1).chunk(4)
        reference.weight_ih_l0.copy_(torch.cat([i, f, u, o]))
        f, i, o, u = cell.from_inputs.bias.chunk(4)
        reference.bias_ih_l0.copy_(torch.cat([i, f, u, o]))
        f, i, o, u = cell.from_before.weight.chunk(4)
        reference.weight_hh_l0.copy_(torch.cat([i, f, u, o]))
        reference.bias_hh_l0.zero_()
    late = torch.cat([torch.zeros(2, 1, 4), nn.functional.one_hot(y[:, :-1], 4)], dim=1).double()
    hidden, _ = reference(torch.cat([x, late], dim=-1))
    expected = learner.network.output(hidden).log_softmax(dim=-1)
    assert torch.allclose(learner.predict_sequence(x, y).logits, expected, atol=1e-12)


def test_the_feed_forward_network_knows_only_the_present_item_and_the_label_before(sequence):
    (x, y), learner = sequence, build(is_recurrent=False)
    state, other = learner.adapt(x[:, :6], y[:, :6]), learner.adapt(x[:, 5:6], y[:, 5:6])
    is_seen = torch.ones(2, 4, dtype=torch.bool)
    one, two = (learner.predict(each._replace(is_seen=is_seen), x[:, 6:]).logits for each in (state, other))
    assert torch.equal(one, two)
    pending = learner.predict(state._replace(is_seen=is_seen, pending=state.pending.flip(1)), x[:, 6:]).logits
    assert not torch.equal(pending, one)


def test_the_feed_forward_network_has_one_layer_of_tanh(sequence):
    (x, y), learner = sequence, build(is_recurrent=False)
    late = torch.cat([torch.zeros(2, 1, 4), nn.functional.one_hot(y[:, :-1], 4)], dim=1).double()
    hidden = (learner.network.cell.from_inputs(x) + learner.network.from_labels(late)).tanh()
    expected = learner.network.output(hidden).log_softmax(dim=-1)
    assert torch.allclose(learner.predict_sequence(x, y).logits, expected, atol=1e-12)


def test_in_training_labels_are_thrown_into_other_slots_each_time(sequence):
    (x, y), learner = sequence, build(max_ways=8)
    tasks = Tasks(x[:, :6], y[:, :6], x[:, 6:], y[:, 6:])
    assert torch.equal(learner(tasks), learner(tasks))
    learner.train()
    assert not torch.equal(learner(tasks), learner(tasks))


def test_where_labels_come_at_once_the_loss_is_that_of_the_predictions(sequence):
    (x, y), learner = sequence, build(labels_come="at once")
    prediction = learner.predict(learner.adapt(x[:, :6], y[:, :6]), x[:, 6:])
    loss = learner(Tasks(x[:, :6], y[:, :6], x[:, 6:], y[:, [0, 1]]))
    assert torch.allclose(loss, -prediction.log_prob(y[:, [0, 1]]).mean(), atol=1e-12)


@both_networks
def test_a_query_is_the_next_step_of_the_sequence(is_recurrent, sequence):
    (x, y), learner = sequence, build(is_recurrent=is_recurrent)
    along = learner.predict_sequence(x, y).logits
    for step in range(1, 8):
        state = learner.adapt(x[:, :step], y[:, :step])._replace(is_seen=torch.ones(2, 4, dtype=torch.bool))
        assert torch.allclose(learner.predict(state, x[:, step:]).logits[:, 0], along[:, step], atol=1e-12)


@both_networks
@pytest.mark.parametrize("labels", ["one-hot", "strings"])
def test_a_task_of_one_query_is_the_papers_sequence(is_recurrent, labels, sequence, generator):
    x, y = sequence
    if labels == "strings":
        y = torch.randint(5, (2, 8, 5), generator=generator)
    learner = build(is_recurrent=is_recurrent, labels=labels)
    expected = -learner.predict_sequence(x, y).log_prob(y).mean()
    assert torch.allclose(learner(Tasks(x[:, :-1], y[:, :-1], x[:, -1:], y[:, -1:])), expected, atol=1e-12)


@both_networks
def test_a_label_not_seen_is_impossible(is_recurrent, sequence):
    (x, y), learner = sequence, build(is_recurrent=is_recurrent)
    probabilities = learner.predict(learner.adapt(x[:, :4], y[:, :4]), x[:, 4:]).probs
    assert (probabilities[0, :, 3] == 0).all()
    assert (probabilities[0, :, :3] > 0).all()


def test_labels_beyond_the_slots_are_refused(sequence):
    with pytest.raises(UserError, match=r"label 3.*built for 3 ways"):
        build(max_ways=3).adapt(*sequence)


def test_labels_of_an_unknown_kind_are_refused():
    with pytest.raises(ValueError, match="one-hot or strings"):
        build(labels="words")
