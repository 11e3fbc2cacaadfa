import pytest
import torch
from torch import nn

from quickstudy.core import Tasks, UserError
from quickstudy.learners import CNP, CNPClassifier
from quickstudy.networks import Conv4
from quickstudy.tasks import GaussianProcesses, PointLayout
from quickstudy.testing.laws import LAWS

all_decoders = pytest.mark.parametrize("decoder", ["concatenated", "one mean", "shared"])


def build(decoder, num_ways=3, inputs=5) -> CNPClassifier:
    """Over vectors, in float64."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(inputs, 16), nn.Tanh())
    return CNPClassifier(encoder, 16, decoder=decoder, num_ways=num_ways, representation=7, hidden=32).double().eval()


def build_for_images(decoder, normalisation="batch") -> CNPClassifier:
    torch.manual_seed(0)
    encoder = Conv4(channels=8, blocks=3, normalisation=normalisation)
    return CNPClassifier(encoder, encoder.num_features, decoder=decoder, num_ways=3, representation=16, hidden=32)


@pytest.fixture
def vectors(generator) -> Tasks:
    """Two 3-way 2-shot tasks of vectors of five numbers, in float64."""
    x = torch.randn(2, 10, 5, generator=generator, dtype=torch.float64)
    y = torch.tensor([[0, 1, 2, 0, 1, 2], [2, 2, 1, 0, 0, 1]])
    return Tasks(x[:, :6], y, x[:, 6:], torch.tensor([[0, 1, 2, 0], [1, 1, 0, 2]]))


def predicted(learner, tasks):
    return learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)


@pytest.mark.parametrize("decoder", ["concatenated", "shared"])
def test_representations_are_class_means_of_the_encodings(decoder, vectors):
    learner = build(decoder)
    state = learner.adapt(vectors.support_x, vectors.support_y)
    for task in range(2):
        for way in range(3):
            members = vectors.support_x[task][vectors.support_y[task] == way]
            expected = torch.stack([learner.encode(member) for member in members]).mean(dim=0)
            assert torch.allclose(state.representations[task, way], expected, atol=1e-12)


def test_the_concatenated_decoder_reads_all_representations_side_by_side(vectors):
    learner = build("concatenated")
    state = learner.adapt(vectors.support_x, vectors.support_y)
    found = learner.predict(state, vectors.query_x).probs
    for task in range(2):
        for query, x in enumerate(vectors.query_x[task]):
            logits = learner.decoder(torch.cat([*state.representations[task], learner.encode(x)]))
            assert torch.allclose(found[task, query], logits.softmax(dim=0), atol=1e-12)


def test_the_shared_decoder_reads_each_class_with_the_mean_of_all(vectors):
    learner = build("shared")
    state = learner.adapt(vectors.support_x, vectors.support_y)
    found = learner.predict(state, vectors.query_x).probs
    for task in range(2):
        r_ND = state.representations[task]
        for query, x in enumerate(vectors.query_x[task]):
            z = learner.encode(x)
            logits = torch.cat([learner.decoder(torch.cat([r, r_ND.mean(dim=0), z])) for r in r_ND])
            assert torch.allclose(found[task, query], logits.softmax(dim=0), atol=1e-12)


@all_decoders
def test_permuting_the_support_changes_nothing(decoder, vectors):
    learner, order = build(decoder), torch.tensor([3, 5, 0, 4, 1, 2])
    permuted = vectors._replace(support_x=vectors.support_x[:, order], support_y=vectors.support_y[:, order])
    assert torch.allclose(predicted(learner, permuted).logits, predicted(learner, vectors).logits, atol=1e-12)


@all_decoders
def test_doubling_the_support_changes_nothing(decoder, vectors):
    learner = build(decoder)
    doubled = vectors._replace(support_x=vectors.support_x.repeat(1, 2, 1), support_y=vectors.support_y.repeat(1, 2))
    assert torch.allclose(predicted(learner, doubled).logits, predicted(learner, vectors).logits, atol=1e-12)


@all_decoders
def test_another_query_changes_no_answer(decoder, vectors):
    learner = build(decoder)
    fewer = predicted(learner, vectors._replace(query_x=vectors.query_x[:, :1])).logits
    assert torch.allclose(fewer, predicted(learner, vectors).logits[:, :1], atol=1e-12)


@all_decoders
def test_tasks_of_a_batch_do_not_see_each_other(decoder, vectors):
    learner = build(decoder)
    alone = predicted(learner, Tasks(*(field[1:] for field in vectors))).logits
    assert torch.allclose(alone, predicted(learner, vectors).logits[1:], atol=1e-12)


@all_decoders
def test_the_support_matters(decoder, vectors):
    learner = build(decoder)
    other = vectors._replace(support_x=vectors.support_x.flip(0))
    assert not torch.allclose(predicted(learner, other).logits, predicted(learner, vectors).logits, atol=1e-3)


@all_decoders
def test_every_example_is_encoded_once(decoder, vectors):
    learner, counted = build(decoder), []
    learner.encoder.register_forward_hook(lambda module, given, r: counted.append(r[..., 0].numel()))
    state = learner.adapt(vectors.support_x, vectors.support_y)
    learner.predict(state, vectors.query_x)
    learner.predict(state, vectors.query_x[:, :1])
    assert counted == [2 * 6, 2 * 4, 2 * 1]


@all_decoders
def test_in_training_support_and_queries_are_encoded_together(decoder, vectors):
    learner, counted = build(decoder), []
    learner.encoder.register_forward_hook(lambda module, given, r: counted.append(r[..., 0].numel()))
    learner(vectors)
    assert counted == [2 * (6 + 4)]


@all_decoders
def test_the_meta_loss_is_the_mean_nll(decoder, vectors):
    learner = build(decoder)
    expected = -predicted(learner, vectors).log_prob(vectors.query_y).mean()
    assert torch.allclose(learner(vectors), expected, atol=1e-12)


@all_decoders
def test_a_gradient_reaches_every_layer_and_every_example(decoder, vectors):
    learner, x = build(decoder), vectors.support_x.requires_grad_()
    learner(vectors).backward()
    for name, parameter in learner.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
    assert (x.grad.abs().sum(dim=-1) > 0).all()


@all_decoders
def test_the_query_labels_change_no_answer(decoder, vectors):
    learner = build(decoder)
    wrong = vectors._replace(query_y=(vectors.query_y + 1) % 3)
    assert torch.equal(predicted(learner, wrong).logits, predicted(learner, vectors).logits)


def test_the_shared_decoder_follows_any_relabelling(vectors):
    learner, order = build("shared"), torch.tensor([2, 0, 1])
    relabelled = predicted(learner, vectors._replace(support_y=order[vectors.support_y])).probs
    assert torch.allclose(relabelled[..., order], predicted(learner, vectors).probs, atol=1e-12)


def test_the_shared_decoder_tells_wiped_classes_apart_by_nothing(vectors):
    learner = build("shared")
    state = learner.adapt(vectors.support_x, vectors.support_y)
    wiped = state._replace(representations=torch.zeros_like(state.representations))
    found = learner.predict(wiped, vectors.query_x).probs
    assert torch.allclose(found, torch.full((), 1 / 3, dtype=torch.float64))


@all_decoders
def test_it_says_truly_whether_labels_are_slots(decoder, vectors):
    learner, order = build(decoder), torch.tensor([2, 0, 1])
    relabelled = predicted(learner, vectors._replace(support_y=order[vectors.support_y])).probs[..., order]
    follows = torch.allclose(relabelled, predicted(learner, vectors).probs, atol=1e-9)
    assert learner.labels_are_slots == (not follows)
    assert CNPClassifier.labels_are_slots is False


@pytest.mark.parametrize(("ways", "shots"), [(2, 1), (3, 4), (7, 2)])
def test_the_shared_decoder_reads_any_ways_and_shots(ways, shots):
    labels = torch.arange(ways).repeat(2, shots)
    x = torch.randn(2, ways * shots, 5, dtype=torch.float64)
    learner = build("shared")
    assert learner.predict(learner.adapt(x, labels), x).probs.shape == (2, ways * shots, ways)


@all_decoders
def test_a_class_without_examples_is_impossible(decoder, vectors):
    fewer = vectors._replace(support_y=torch.stack([vectors.support_y[0], 2 * (vectors.support_y[1] // 2)]))
    found = predicted(build(decoder), fewer).probs
    assert (found[1, :, 1] == 0).all()
    assert (found[0] > 0).all()
    assert torch.allclose(found.sum(dim=-1), torch.ones(2, 4, dtype=torch.float64))


def test_an_absent_class_has_no_part_in_the_mean_of_all(vectors):
    learner = build("shared")
    two = Tasks(*(field[1:] for field in vectors))._replace(support_y=vectors.support_y[1:].clamp(max=1))
    expected = predicted(learner, two).probs
    with_gap = predicted(learner, two._replace(support_y=2 * two.support_y)).probs
    assert torch.allclose(with_gap[..., [0, 2]], expected, atol=1e-12)


def test_one_mean_is_over_the_whole_support_encoded_with_its_labels(vectors):
    learner = build("one mean")
    state = learner.adapt(vectors.support_x, vectors.support_y)
    labels = torch.nn.functional.one_hot(vectors.support_y, 3).double()
    encoded = learner.with_label(torch.cat([learner.encode(vectors.support_x), labels], dim=-1))
    assert torch.allclose(state.representations, encoded.mean(dim=1, keepdim=True), atol=1e-12)


def test_one_mean_obeys_all_laws_but_that_it_learns_in_a_moment(vectors):
    # Examples and their labels are bound only in the mean, which takes far more steps than the law allows.
    for law in LAWS:
        law(build("one mean"), vectors)


def test_fewer_classes_leave_places_of_the_concatenated_decoder_empty(vectors):
    learner = build("concatenated", num_ways=5)
    state = learner.adapt(vectors.support_x, vectors.support_y)
    assert state.representations.shape == (2, 5, 7)
    assert (state.representations[:, 3:] == 0).all()
    found = learner.predict(state, vectors.query_x).probs
    assert found.shape == (2, 4, 5)
    assert (found[..., 3:] == 0).all()


@all_decoders
def test_it_learns_a_fixed_batch_by_heart(decoder, tasks):
    learner = build_for_images(decoder, normalisation="group")
    optimiser = torch.optim.Adam(learner.parameters(), lr=5e-3)
    for _ in range(40):
        optimiser.zero_grad()
        learner(tasks).backward()
        optimiser.step()
    answers = predicted(learner.eval(), tasks).probs.argmax(dim=-1)
    assert (answers == tasks.query_y).double().mean() > 0.95


@all_decoders
def test_images_are_read_through_a_convolutional_encoder(decoder, tasks):
    learner = build_for_images(decoder).eval()
    assert predicted(learner, tasks).probs.shape == (4, 9, 3)


def test_labels_beyond_the_places_are_refused(vectors):
    learner = build("concatenated", num_ways=2)
    for call in (lambda: learner.adapt(vectors.support_x, vectors.support_y), lambda: learner(vectors)):
        with pytest.raises(UserError, match=r"label 2.*built for 2 ways"):
            call()


@all_decoders
def test_an_empty_support_is_refused(decoder, vectors):
    with pytest.raises(UserError, match="support is empty"):
        build(decoder).adapt(vectors.support_x[:, :0], vectors.support_y[:, :0])


@all_decoders
def test_queries_of_another_number_of_tasks_are_refused(decoder, vectors):
    learner = build(decoder)
    state = learner.adapt(vectors.support_x, vectors.support_y)
    with pytest.raises(UserError, match="state holds 2 tasks"):
        learner.predict(state, vectors.query_x[:1])


# Functions


def build_for_functions(num_inputs=1, num_outputs=1, **options) -> CNP:
    torch.manual_seed(0)
    return CNP(num_inputs, num_outputs, **{"hidden": 16, **options}).double().eval()


@pytest.fixture
def functions(generator) -> Tasks:
    """Three functions, five points given and four asked for, in float64."""
    return GaussianProcesses(PointLayout(5, 4)).sample(3, generator).to("cpu", torch.float64)


def values(learner, tasks):
    return learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)


def test_of_a_function_the_decoder_sees_the_mean_of_the_encoded_points(functions):
    learner = build_for_functions()
    r_TR = learner.encoder(torch.cat([functions.support_x, functions.support_y], dim=-1)).mean(dim=1)
    numbers = learner.decoder(torch.cat([r_TR[:, None].expand(-1, 4, -1), functions.query_x], dim=-1))
    found = values(learner, functions)
    assert torch.allclose(found.mean, numbers[..., :1])
    assert torch.allclose(found.stddev, 0.1 + 0.9 * torch.nn.functional.softplus(numbers[..., 1:]))


def test_points_given_twice_change_nothing(functions):
    twice = functions._replace(
        support_x=functions.support_x.repeat(1, 2, 1), support_y=functions.support_y.repeat(1, 2, 1)
    )
    learner = build_for_functions()
    assert torch.allclose(values(learner, functions).mean, values(learner, twice).mean)


def test_each_point_is_encoded_once_and_each_query_decoded_once(functions):
    learner, rows = build_for_functions(), []
    for part in (learner.encoder, learner.decoder):
        part.register_forward_hook(lambda _, given, __: rows.append(given[0].shape[:-1].numel()))
    values(learner, functions)
    assert rows == [3 * 5, 3 * 4]


def test_without_points_the_encoder_has_no_part_in_the_prediction(functions):
    learner = build_for_functions()
    nothing = functions._replace(support_x=functions.support_x[:, :0], support_y=functions.support_y[:, :0])
    learner(nothing).backward()
    assert not any(p.grad is not None and p.grad.any() for p in learner.encoder.parameters())
    assert all(p.grad.any() for p in learner.decoder.parameters())


def test_no_deviation_is_below_the_floor(functions):
    learner = build_for_functions(floor=0.2)
    with torch.no_grad():
        learner.decoder[-1].bias[1] = -100
    assert (values(learner, functions).stddev >= 0.2).all()


def test_inputs_and_values_may_have_several_numbers(generator):
    learner = build_for_functions(2, 3)
    x, y = (torch.randn(2, 6, size, generator=generator, dtype=torch.float64) for size in (2, 3))
    assert learner.predict(learner.adapt(x, y), x).event_shape == (3,)
    with pytest.raises(UserError, match=r"\(2, 6, 2\)"):
        learner.adapt(x, x)


def test_ink_is_a_chance():
    learner = build_for_functions(2, 1, likelihood="bernoulli")
    x = torch.zeros(1, 3, 2, dtype=torch.float64)
    prediction = learner.predict(learner.adapt(x, torch.ones(1, 3, 1, dtype=torch.float64)), x)
    assert ((prediction.mean > 0) & (prediction.mean < 1)).all()
