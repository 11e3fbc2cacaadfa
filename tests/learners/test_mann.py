from copy import deepcopy

import pytest
import torch
from torch import nn

from quickstudy.core import Tasks, UserError, leaves, map_state, unchecked_distributions
from quickstudy.evaluation.instance_table import evaluate_instances, first_instance_ceiling
from quickstudy.learners.mann import MANN
from quickstudy.networks import Conv4
from quickstudy.networks.label_sequences import expected_log_likelihood
from quickstudy.networks.memory import empty_memory
from quickstudy.tasks.sequences import InstanceSequences, SequenceLayout
from quickstudy.testing import check_learner

both_controllers = pytest.mark.parametrize("controller", ["lstm", "feed-forward"])
SMALL = {"hidden": 32, "slots": 16, "width": 10, "heads": 2}


def build(**options) -> MANN:
    """Over vectors of six numbers, in float64."""
    torch.manual_seed(0)
    return MANN(6, **{"max_ways": 4, **SMALL, **options}).double().eval()


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture
def sequence(generator):
    """Two sequences of eight vectors and their labels, in float64."""
    x = torch.randn(2, 8, 6, generator=generator, dtype=torch.float64)
    return x, torch.tensor([[0, 1, 2, 0, 3, 1, 2, 0], [2, 2, 1, 0, 0, 1, 3, 3]])


@pytest.fixture
def strings(sequence, generator):
    """The same, labelled by strings."""
    return sequence[0], torch.randint(5, (2, 8, 5), generator=generator)


def test_it_obeys_the_laws(tasks):
    torch.manual_seed(0)
    learner = MANN(28 * 28, max_ways=5, labels_come="at once", key_strength=True, hidden=100, slots=16, width=20)
    assert "training beats chance" in check_learner(learner, tasks, training_steps=180)


def test_the_sizes_are_the_papers():
    network = MANN(400, max_ways=5).network
    cell = network.cell
    assert count(cell.from_inputs) + count(network.from_labels) + count(cell.from_before) == 612_800
    assert count(cell.keys) == 32_160
    assert count(cell.gates) == 804
    unfed = MANN(400, max_ways=5, feeds_reads=False).network
    assert count(unfed.cell.from_inputs) + count(unfed.from_labels) + count(unfed.cell.from_before) == 484_800
    assert count(unfed.output) == 1_805
    assert count(unfed) == 484_800 + 32_160 + 804 + 1_805


@both_controllers
@pytest.mark.parametrize("addresses", ["before", "after"])
def test_a_step_is_made_of_controller_memory_and_output(addresses, controller, sequence):
    """The first step, from an empty memory, with the null label."""
    learner, (x, y) = build(controller=controller, addresses=addresses), sequence
    cell = learner.network.cell
    drive = cell.from_inputs(x[:, 0])
    if controller == "lstm":
        _, i, o, u = drive.chunk(4, dim=-1)
        hidden = o.sigmoid() * (i.sigmoid() * u.tanh()).tanh()
    else:
        hidden = drive.tanh()
    keys = cell.keys(hidden).tanh().view(2, 2, 10)
    alpha = cell.gates(hidden).sigmoid()
    memory = torch.full((2, 16, 10), 1e-6, dtype=torch.float64)
    addressed = memory.clone()
    memory[:, 1] = 0  # Slot 0 counts as used; 1 and 2 are next.
    memory[:, 0] += (alpha[..., None] * keys).sum(dim=1)
    for head in range(2):
        memory[:, 1 + head] += (1 - alpha[:, head, None]) * keys[:, head]
    if addresses == "after":
        addressed = memory
    weights = torch.cosine_similarity(keys[:, :, None], addressed[:, None], dim=-1).softmax(dim=-1)
    logits = learner.network.output(torch.cat([hidden, (weights @ memory).flatten(1)], dim=-1))
    found = learner.predict_sequence(x, y).logits[:, 0]
    assert torch.allclose(found, logits.log_softmax(dim=-1), atol=1e-10)


@pytest.mark.parametrize("kind", ["one-hot", "strings"])
def test_a_label_changes_what_comes_after_it_and_nothing_before(kind, sequence, strings):
    x, y = sequence if kind == "one-hot" else strings
    learner = build(labels=kind)
    other = y.clone()
    other[:, 3] = (other[:, 3] + 1) % 4
    one, two = (_logits(learner.predict_sequence(x, labels)) for labels in (y, other))
    assert torch.equal(one[:, :4], two[:, :4])
    assert ((one[:, 4:] - two[:, 4:]).abs().amax(dim=2) > 1e-9).all()


def test_an_item_changes_its_own_answer_and_nothing_before(sequence):
    (x, y), learner = sequence, build()
    other = x.clone()
    other[:, 3] += 1
    one, two = learner.predict_sequence(x, y).logits, learner.predict_sequence(other, y).logits
    assert torch.equal(one[:, :3], two[:, :3])
    assert ((one[:, 3:] - two[:, 3:]).abs().amax(dim=-1) > 1e-9).all()


@both_controllers
@pytest.mark.parametrize("kind", ["one-hot", "strings"])
def test_a_query_is_the_next_step_of_the_sequence(controller, kind, sequence, strings):
    x, y = sequence if kind == "one-hot" else strings
    learner = build(labels=kind, controller=controller)
    along = _logits(learner.predict_sequence(x, y))
    for step in range(4, 8):  # From here on, nothing of the first task's labels is unseen but in part the second's.
        state = learner.adapt(x[:, :step], y[:, :step])
        asked = _logits(learner.predict(state, x[:, step:]))[:, 0]
        is_open = asked.isfinite()
        ratio = asked.masked_fill(~is_open, 0) - along[:, step].masked_fill(~is_open, 0)
        assert torch.allclose(ratio, ratio.amax(dim=-1, keepdim=True).where(is_open, 0.0), atol=1e-9)


@both_controllers
def test_reading_in_parts_is_reading_at_once(controller, sequence):
    (x, y), learner = sequence, build(controller=controller)
    state = learner.extend(learner.adapt(x[:, :3], y[:, :3]), x[:, 3:], y[:, 3:])
    for one, other in zip(leaves(state), leaves(learner.adapt(x, y)), strict=True):
        assert torch.allclose(one.double(), other.double(), atol=1e-12)


def test_usage_fades_as_asked_for(sequence):
    state = build(usage_decay=0.7, heads=4).adapt(*sequence)
    total = 1.0
    for _ in range(8):
        total = 0.7 * total + 2 * 4
    assert torch.allclose(state.carried.memory.usage.sum(dim=1), torch.tensor(total, dtype=torch.float64), atol=1e-9)


def test_asking_leaves_the_state_as_it_was(sequence):
    (x, y), learner = sequence, build()
    state = learner.adapt(x[:, :4], y[:, :4])
    held = map_state(torch.clone, state)
    learner.predict(state, x[:, 4:])
    assert all(torch.equal(a, b) for a, b in zip(leaves(state), leaves(held), strict=True))


def test_two_identical_episodes_in_a_row_are_answered_identically(sequence):
    (x, y), learner = sequence, build()
    one, two = learner.predict_sequence(x, y), learner.predict_sequence(x, y)
    assert torch.equal(one.logits, two.logits)


def test_a_task_of_one_query_is_the_papers_sequence(sequence):
    (x, y), learner = sequence, build()
    tasks = Tasks(x[:, :-1], y[:, :-1], x[:, -1:], y[:, -1:])
    expected = -learner.predict_sequence(x, y).log_prob(y).mean()
    assert torch.allclose(learner(tasks), expected, atol=1e-12)


def test_the_loss_of_strings_is_summed_over_their_characters(strings):
    (x, y), learner = strings, build(labels="strings")
    tasks = Tasks(x[:, :-1], y[:, :-1], x[:, -1:], y[:, -1:])
    logits = learner.predict_sequence(x, y).base_dist.logits
    by_character = -logits.gather(3, y[..., None]).mean(dim=(0, 1)).sum()
    assert torch.allclose(learner(tasks), by_character, atol=1e-12)


def test_in_training_the_loss_holds_a_first_label_against_all_it_might_be(strings):
    (x, y), learner = strings, build(labels="strings")
    tasks = Tasks(x[:, :-1], y[:, :-1], x[:, -1:], y[:, -1:])
    logits = learner.predict_sequence(x, y).base_dist.logits.flatten(2)
    expected = -expected_log_likelihood(learner.labels, logits, y).mean()
    assert not torch.allclose(learner(tasks), expected, atol=1e-3)
    assert torch.allclose(learner.train()(tasks), expected, atol=1e-12)


@pytest.mark.filterwarnings("ignore")  # Of PyTorch's compiler, about itself.
def test_compiled_step_by_step_it_has_the_same_gradients_and_a_copy_has_its_own_weights(sequence):
    (x, y), learner = sequence, build()
    tasks = Tasks(x[:, :3], y[:, :3], x[:, 3:4], y[:, 3:4])
    learner(tasks).backward()
    expected = {name: parameter.grad for name, parameter in learner.named_parameters()}
    learner.zero_grad()
    with unchecked_distributions():  # torch.compile switches the checks off; here they come back.
        learner.compile(backend="aot_eager")
    learner(tasks).backward()
    for name, parameter in learner.named_parameters():
        assert torch.allclose(parameter.grad, expected[name], atol=1e-12), name
    copy, before = deepcopy(learner), learner(tasks)
    with torch.no_grad():
        learner.network.cell.keys.weight.zero_()
    assert torch.allclose(copy(tasks), before, atol=1e-12)
    assert not torch.allclose(learner(tasks), before, atol=1e-6)


def test_where_labels_come_at_once_the_loss_is_that_of_the_predictions(sequence):
    (x, y), learner = sequence, build(labels_come="at once")
    tasks = Tasks(x[:, :6], y[:, :6], x[:, 6:], y[:, [0, 1]])
    prediction = learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)
    assert torch.allclose(learner(tasks), -prediction.log_prob(tasks.query_y).mean(), atol=1e-12)
    assert (prediction.probs[1, :, 3] == 0).all()  # Label 3 was not in the support.


@pytest.mark.parametrize("options", [{}, {"least_used": 1}, {"erase": "every", "addresses": "after"}])
def test_slots_that_stay_empty_are_left_out_of_training_and_change_nothing(options, sequence):
    (x, y), learner = sequence, build(slots=60, key_strength=True, **options)
    tasks, losses = Tasks(x[:, :-1], y[:, :-1], x[:, -1:], y[:, -1:]), []
    cell, few = learner.network.cell, learner.network.cell.prior
    assert few(2, steps=8).memory.memory.shape[1] < few(2).memory.memory.shape[1] == 60
    for prior in (few, lambda num_tasks, steps: few(num_tasks)):
        cell.prior = prior
        learner.zero_grad()
        losses.append((learner(tasks), None))
        losses[-1][0].backward()
        losses[-1] = losses[-1][0], [parameter.grad.clone() for parameter in learner.parameters()]
    (one, gradients), (other, expected) = losses
    assert torch.allclose(one, other, atol=1e-12)
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(gradients, expected, strict=True))


def test_late_labels_can_have_the_loss_of_the_queries_alone(sequence):
    (x, y), learner = sequence, build(only_queries=True)
    tasks = Tasks(x[:, :6], y[:, :6], x[:, 6:], y[:, 6:])
    state = learner.adapt(tasks.support_x, tasks.support_y)
    prediction = learner.predict(state._replace(is_seen=torch.ones_like(state.is_seen)), tasks.query_x)
    assert torch.allclose(learner(tasks), -prediction.log_prob(tasks.query_y).mean(), atol=1e-12)


def test_in_training_labels_are_thrown_into_other_slots_each_time(sequence):
    (x, y), learner = sequence, build(max_ways=8)
    tasks = Tasks(x[:, :6], y[:, :6], x[:, 6:], y[:, 6:])
    assert torch.equal(learner(tasks), learner(tasks))
    learner.train()
    assert not torch.equal(learner(tasks), learner(tasks))


def test_where_labels_come_at_once_the_last_example_is_told_before_the_query(sequence):
    """And where they come late, with the query: in its own inputs, for the label is pending."""
    x, y = sequence
    told = y.clone()
    told[:, -1] = (y[:, -1] + 1) % 4
    for labels_come, is_pending in (("at once", False), ("late", True)):
        learner = build(labels_come=labels_come)
        one, two = learner.adapt(x, y), learner.adapt(x, told)
        assert torch.equal(one.carried.memory.memory, two.carried.memory.memory) == is_pending
        assert bool(one.pending.any()) == is_pending


@pytest.mark.parametrize("labels_come", ["late", "at once"])
def test_along_a_sequence_every_item_is_asked_about_before_its_label_is_told(labels_come, sequence):
    (x, y), learner = sequence, build(labels_come=labels_come)
    along = learner.predict_sequence(x, y).logits
    state = learner.prior(2)
    for step in range(8):
        open_to_all = state._replace(is_seen=torch.ones(2, 4, dtype=torch.bool))
        asked = learner.predict(open_to_all, x[:, step : step + 1]).logits[:, 0]
        assert torch.allclose(asked, along[:, step], atol=1e-12)
        state = learner.extend(state, x[:, step : step + 1], y[:, step : step + 1])


def test_labels_that_come_at_an_unknown_time_are_refused():
    with pytest.raises(ValueError, match="late or at once"):
        build(labels_come="never")


@pytest.mark.parametrize(("ways", "shots"), [(2, 1), (3, 4), (7, 2)])
def test_one_set_of_weights_reads_any_ways_and_shots(ways, shots):
    labels = torch.arange(ways).repeat(2, shots)
    x = torch.randn(2, ways * shots, 6, dtype=torch.float64)
    learner = build(max_ways=7)
    probabilities = learner.predict(learner.adapt(x, labels), x).probs
    assert (probabilities[..., :ways] > 0).all()
    assert (probabilities[..., ways:] == 0).all()


def test_with_nothing_read_every_label_is_possible(sequence):
    learner = build()
    assert (learner.predict(learner.prior(2), sequence[0]).probs > 0).all()


def test_support_and_queries_are_encoded_all_at_once_and_never_again(sequence):
    x, y = sequence
    counted = []
    encoder = nn.Linear(6, 3)
    encoder.register_forward_hook(lambda module, given, z: counted.append(z[..., 0].numel()))
    torch.manual_seed(0)
    learner = MANN(3, encoder=encoder, max_ways=4, **SMALL).double().eval()
    state = learner.adapt(x[:, :6], y[:, :6])
    learner.predict(state, x[:, 6:])
    learner.predict(state, x[:, 6:7])
    learner(Tasks(x[:, :6], y[:, :6], x[:, 6:], y[:, 6:]))
    assert counted == [2 * 6, 2 * 2, 2 * 1, 2 * 8]


def test_images_are_read_flat_or_through_a_convolutional_encoder(tasks):
    encoder = Conv4(channels=8)
    for learner in (MANN(28 * 28, **SMALL), MANN(encoder.num_features, encoder=encoder, **SMALL)):
        state = learner.eval().adapt(tasks.support_x, tasks.support_y)
        assert learner.predict(state, tasks.query_x).probs.shape == (4, 9, 20)


def test_with_a_feed_forward_controller_all_that_is_remembered_is_in_the_memory(sequence):
    """Wiped, it answers as if nothing but the pending label had ever been read."""
    (x, y), learner = sequence, build(controller="feed-forward")
    state = learner.adapt(x[:, :6], y[:, :6])
    other = learner.adapt(x[:, :6].flip(1), torch.cat([y[:, :5].flip(1), y[:, 5:6]], dim=1))
    everything = torch.ones(2, 4, dtype=torch.bool)
    answers = [learner.predict(_wiped(one)._replace(is_seen=everything), x[:, 6:]).logits for one in (state, other)]
    assert torch.allclose(*answers, atol=1e-12)
    unwiped = learner.predict(state._replace(is_seen=everything), x[:, 6:]).logits
    assert not torch.allclose(unwiped, answers[0], atol=1e-6)


def test_what_was_read_is_fed_to_the_next_step_only_where_asked(sequence):
    x, y = sequence
    for feeds_reads in (True, False):
        learner = build(feeds_reads=feeds_reads)
        state = learner.adapt(x[:, :4], y[:, :4])
        louder = state._replace(carried=state.carried._replace(reads=state.carried.reads + 1))
        one, two = (learner.predict(each, x[:, 4:]).logits for each in (state, louder))
        assert torch.equal(one, two) != feeds_reads


def test_sharpening_is_learnt(sequence):
    x, y = sequence
    assert build().network.cell.sharpness is None
    learner = build(key_strength=True).train()
    learner(Tasks(x[:, :6], y[:, :6], x[:, 6:], y[:, 6:])).backward()
    assert learner.network.cell.sharpness.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("max_key_strength", [None, 41.0])
def test_sharpening_starts_at_ten_and_ends_at_its_bound(max_key_strength):
    cell, thoughts = (
        build(key_strength=True, max_key_strength=max_key_strength).network.cell,
        torch.zeros(1, 32, dtype=torch.float64),
    )
    assert torch.allclose(
        cell.sharpness_of(thoughts), torch.full((1, 2), 10.0 if max_key_strength else 11.0).double(), atol=1e-3
    )
    with torch.no_grad():
        cell.sharpness.bias.fill_(1000.0)
    assert torch.allclose(cell.sharpness_of(thoughts), torch.full((1, 2), max_key_strength or 1001.0).double())


def test_a_gradient_reaches_every_parameter_and_every_item(sequence):
    (x, y), learner = sequence, build()
    x.requires_grad_()
    learner(Tasks(x[:, :-1], y[:, :-1], x[:, -1:], y[:, -1:])).backward()
    for name, parameter in learner.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
    assert (x.grad.abs().sum(dim=-1) > 0).all()


@pytest.fixture(scope="module")
def short_sequences() -> InstanceSequences:
    """Two of six classes, three drawings each, all alike."""
    return InstanceSequences(2 * torch.eye(6)[:, None].expand(6, 3, 6), SequenceLayout(classes=2, instances=3))


@pytest.fixture(scope="module")
def trained(short_sequences) -> MANN:
    torch.manual_seed(0)
    learner = MANN(6, max_ways=2, hidden=64, slots=8, width=16, heads=2)
    return _train(learner, short_sequences, 200, 1e-2, learner)


def _train(learner, sequences, steps, learning_rate, loss):
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(learner.parameters(), lr=learning_rate)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(sequences.sample(16, generator)).backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 10.0)
        optimiser.step()
    return learner.eval()


def test_trained_it_guesses_the_first_instance_and_knows_the_second(trained, short_sequences):
    first, second, third = evaluate_instances(trained, short_sequences, 500, num_instances=3).accuracy
    assert abs(first.mean - first_instance_ceiling(2)) < 1.5 * first.interval95
    assert second.mean > 0.9
    assert third.mean > 0.9


def test_a_memory_alone_can_carry_a_task_and_wiped_it_is_lost(generator):
    """Between support and query, the controller forgets everything but the pending label.

    Of four items, two of each class, that label tells the last by exclusion two times out of three, and no more.
    """
    sequences = InstanceSequences(2 * torch.eye(6)[:, None].expand(6, 2, 6), SequenceLayout(classes=2, instances=2))
    torch.manual_seed(0)
    learner = MANN(6, max_ways=2, hidden=32, slots=8, width=16, heads=2)

    def remembered(tasks):
        state = learner.adapt(tasks.support_x, tasks.support_y)
        return state._replace(
            carried=state.carried._replace(
                controller=map_state(torch.zeros_like, state.carried.controller),
                reads=torch.zeros_like(state.carried.reads),
            )
        )

    def loss(tasks):
        return -learner.predict(remembered(tasks), tasks.query_x).log_prob(tasks.query_y).mean()

    _train(learner, sequences, 120, 5e-3, loss)
    tasks = sequences.sample(1000, generator)
    with torch.no_grad():
        kept, lost = (
            float((learner.predict(state, tasks.query_x).mode == tasks.query_y).double().mean())
            for state in (remembered(tasks), _wiped(remembered(tasks)))
        )
    assert kept > 0.95
    assert lost < 2 / 3 + 0.06


def _wiped(state):
    memory = state.carried.memory
    sizes = (*memory.memory.shape, memory.read_weights.shape[1])
    return state._replace(carried=state.carried._replace(memory=empty_memory(memory.memory, *sizes)))


def _logits(prediction):
    """Of every character, side by side."""
    return prediction.logits if hasattr(prediction, "logits") else prediction.base_dist.logits.flatten(2)


def test_strings_are_predicted_character_by_character(strings):
    (x, y), learner = strings, build(labels="strings")
    prediction = learner.predict(learner.adapt(x[:, :6], y[:, :6]), x[:, 6:])
    assert prediction.batch_shape == (2, 2)
    assert prediction.event_shape == (5,)
    assert prediction.mode.shape == (2, 2, 5)


def test_labels_beyond_the_slots_are_refused(sequence):
    (x, y), learner = sequence, build(max_ways=3)
    tasks = Tasks(x[:, :6], y[:, :6], x[:, 6:], y[:, 6:])
    for call in (lambda: learner.adapt(x, y), lambda: learner(tasks), lambda: learner.predict_sequence(x, y)):
        with pytest.raises(UserError, match=r"label 3.*built for 3 ways"):
            call()


def test_characters_that_do_not_exist_are_refused(strings):
    (x, y), learner = strings, build(labels="strings")
    for wrong in (5, -1):
        y[0, 0, 0] = wrong
        with pytest.raises(UserError, match=f"label {wrong}"):
            learner.adapt(x, y)


def test_labels_of_the_other_kind_are_refused(sequence, strings):
    with pytest.raises(UserError, match=r"\(T, S\) were expected"):
        build().adapt(*strings)
    with pytest.raises(ValueError, match=r"strings \(T, S, 5\) were expected"):
        build(labels="strings").adapt(*sequence)


def test_inputs_of_another_size_are_refused(sequence):
    with pytest.raises(ValueError, match=r"5 features each.*built for 6"):
        build().adapt(sequence[0][..., :5], sequence[1])


def test_queries_of_another_number_of_tasks_are_refused(sequence):
    (x, y), learner = sequence, build()
    with pytest.raises(UserError, match="state holds 2 tasks"):
        learner.predict(learner.adapt(x, y), x[:1])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"controller": "gru"}, "lstm or feed-forward"),
        ({"labels": "words"}, "one-hot or strings"),
        ({"heads": 17}, "17 heads need a slot each"),
        ({"max_key_strength": 41.0}, "key_strength is False"),
        ({"addresses": "during"}, "addresses is 'during', but before or after"),
        ({"reads": "now"}, "reads is 'now', but before or after"),
        ({"erase": "all"}, "erase is 'all', but none, first or every"),
        ({"least_used": 17}, "least_used is 17, but 1 to 16"),
        ({"least_used": 0}, "least_used is 0, but 1 to 16"),
        ({"key_strength": True, "max_key_strength": 10.0}, "a bound above 10"),
    ],
)
def test_what_cannot_be_built_is_refused(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        build(**options)
