import pytest
import torch
import torch.nn.functional as F

from quickstudy.core import UserError
from quickstudy.evaluation import evaluate
from quickstudy.evaluation.instance_table import appearances
from quickstudy.learners import AutoencoderNearest, Nearest
from quickstudy.tasks import Episodes, Layout


def points(*rows) -> torch.Tensor:
    """One task of vectors, (1, S, D)."""
    return torch.tensor(rows, dtype=torch.float64)[None]


def probabilities(learner, tasks):
    return learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x).probs


@pytest.fixture
def sequence(generator):
    """Two sequences of eight vectors and their labels, in float64."""
    x = torch.randn(2, 8, 6, generator=generator, dtype=torch.float64)
    return x, torch.tensor([[0, 1, 2, 0, 3, 1, 2, 0], [2, 2, 1, 0, 0, 1, 3, 3]])


def test_a_classs_logit_is_its_best_cosine_over_the_temperature(tasks):
    exact = tasks.to("cpu", torch.float64)
    found = probabilities(Nearest(temperature=0.3), exact)
    for task in range(len(found)):
        support, queries = exact.support_x[task].flatten(1), exact.query_x[task].flatten(1)
        cosines_QS = F.cosine_similarity(queries[:, None], support[None], dim=-1)
        best = [cosines_QS[:, exact.support_y[task] == way].amax(dim=1) for way in range(3)]
        assert torch.allclose(found[task], (torch.stack(best, dim=1) / 0.3).softmax(dim=1), atol=1e-12)


def test_the_closest_example_decides_not_the_mean():
    x = points([1.0, 0.0], [-1.0, 0.1], [0.8, 0.6])
    learner = Nearest()
    state = learner.adapt(x, torch.tensor([[0, 0, 1]]))
    assert learner.predict(state, points([1.0, 0.05], [0.7, 0.6])).probs.argmax(dim=-1).tolist() == [[0, 1]]


def test_direction_counts_and_length_does_not():
    learner = Nearest()
    x, y, query = points([1.0, 0.0], [10.0, 10.0]), torch.tensor([[0, 1]]), points([5.0, 4.0])
    expected = learner.predict(learner.adapt(x, y), query).probs
    assert expected.argmax() == 1
    rescaled = learner.predict(learner.adapt(x * torch.tensor([7.0, 0.01])[:, None], y), 100 * query).probs
    assert torch.allclose(expected, rescaled, atol=1e-12)


def test_a_support_image_asked_again_gets_its_own_label(tasks):
    learner = Nearest()
    state = learner.adapt(tasks.support_x, tasks.support_y)
    assert torch.equal(learner.predict(state, tasks.support_x).probs.argmax(dim=-1), tasks.support_y)


def test_the_temperature_moves_probabilities_and_no_answer(tasks):
    sharp, soft = probabilities(Nearest(0.01), tasks), probabilities(Nearest(10.0), tasks)
    assert torch.equal(sharp.argmax(dim=-1), soft.argmax(dim=-1))
    assert (sharp.amax(dim=-1) > soft.amax(dim=-1)).all()


def test_permuting_and_doubling_the_support_change_nothing(tasks):
    order = torch.randperm(6, generator=torch.Generator().manual_seed(1))
    expected = probabilities(Nearest(), tasks)
    permuted = tasks._replace(support_x=tasks.support_x[:, order], support_y=tasks.support_y[:, order])
    doubled = tasks._replace(support_x=tasks.support_x.repeat(1, 2, 1, 1, 1), support_y=tasks.support_y.repeat(1, 2))
    assert torch.allclose(probabilities(Nearest(), permuted), expected, atol=1e-5)
    assert torch.allclose(probabilities(Nearest(), doubled), expected, atol=1e-5)


def test_relabelling_the_classes_relabels_the_answers(tasks):
    order = torch.tensor([2, 0, 1])
    relabelled = probabilities(Nearest(), tasks._replace(support_y=order[tasks.support_y]))
    assert torch.allclose(relabelled[..., order], probabilities(Nearest(), tasks), atol=1e-6)


def test_tasks_of_fewer_classes_leave_the_others_impossible():
    x = points([1.0, 0.0], [0.0, 1.0], [1.0, 1.0]).repeat(2, 1, 1)
    learner = Nearest()
    found = learner.predict(learner.adapt(x, torch.tensor([[0, 1, 2], [0, 2, 2]])), x).probs
    assert (found[1, :, 1] == 0).all()
    assert (found[0] > 0).all()
    assert torch.allclose(found.sum(dim=-1), torch.ones(2, 3, dtype=torch.float64))


def test_an_empty_image_is_nobodys_neighbour():
    learner = Nearest()
    state = learner.adapt(points([1.0, 0.0], [0.0, 1.0]), torch.tensor([[0, 1]]))
    assert learner.predict(state, points([0.0, 0.0])).probs.flatten().tolist() == [0.5, 0.5]


def test_it_has_nothing_to_train():
    assert list(Nearest().parameters()) == []


def test_it_beats_chance_on_glyphs_and_shuffled_labels_take_that_away(glyph_images):
    told, misled = (
        evaluate(Nearest(), Episodes(glyph_images, Layout(5, 1, 5, shuffled_labels=shuffled)), num_tasks=200)
        for shuffled in (False, True)
    )
    assert told.accuracy.mean > 0.35
    assert abs(misled.accuracy.mean - 0.2) < 3 * misled.accuracy.interval95 / 1.96


def test_queries_of_another_size_are_refused(tasks):
    learner = Nearest()
    state = learner.adapt(tasks.support_x, tasks.support_y)
    with pytest.raises(UserError, match=r"\(1, 14, 14\).*\(1, 28, 28\)"):
        learner.predict(state, tasks.query_x[..., ::2, ::2])


def test_bytes_are_images_whose_ink_is_255(tasks):
    bytes_x = (255 * tasks.support_x).round().byte()
    state = Nearest().adapt(bytes_x, tasks.support_y)
    assert torch.equal(state.examples, bytes_x.float() / 255)


def test_an_empty_support_is_refused(tasks):
    with pytest.raises(UserError, match="empty"):
        Nearest().adapt(tasks.support_x[:, :0], tasks.support_y[:, :0])


@pytest.mark.parametrize("step", range(1, 8))
def test_along_a_sequence_it_answers_as_if_adapted_to_what_came_before(step, sequence):
    (x, y), learner = sequence, Nearest()
    expected = learner.predict(learner.adapt(x[:, :step], y[:, :step]), x[:, step : step + 1]).probs[:, 0]
    found = learner.predict_sequence(x, y).probs[:, step]
    num_known = expected.shape[-1]
    assert torch.allclose(found[:, :num_known], expected, atol=1e-12)
    assert (found[:, num_known:] == 0).all()


def test_of_the_first_item_it_says_that_all_labels_are_alike(sequence):
    assert (Nearest().predict_sequence(*sequence).probs[:, 0] == 0.25).all()


def test_later_items_and_labels_change_no_earlier_answer(sequence):
    (x, y), learner = sequence, Nearest()
    other_x, other_y = x.clone(), y.clone()
    other_x[:, 5:], other_y[:, 4:] = -x[:, 5:], 3 - y[:, 4:]
    expected, found = (learner.predict_sequence(*told).probs for told in ((x, y), (other_x, other_y)))
    assert torch.allclose(found[:, :5], expected[:, :5], atol=1e-12)
    assert not torch.allclose(found[:, 5:], expected[:, 5:])


def test_the_first_of_a_class_is_never_named_rightly_but_where_nothing_came_before(sequence):
    x, y = sequence
    of_truth = Nearest().predict_sequence(x, y).probs.gather(2, y[..., None]).squeeze(2)
    is_first = appearances(y) == 1
    assert (of_truth[:, 1:][is_first[:, 1:]] == 0).all()
    assert (of_truth[~is_first] > 0).all()


@pytest.fixture
def autoencoder() -> AutoencoderNearest:
    return AutoencoderNearest(784, hidden=32, code=8)


def test_by_code_it_answers_as_the_nearest_of_the_codes(autoencoder, tasks):
    codes = tasks._replace(
        support_x=autoencoder.encoder(tasks.support_x.flatten(2)), query_x=autoencoder.encoder(tasks.query_x.flatten(2))
    )
    assert torch.equal(probabilities(autoencoder, tasks), probabilities(Nearest(), codes))
    along, along_codes = (
        learner.predict_sequence(x, tasks.support_y).probs
        for learner, x in ((autoencoder, tasks.support_x), (Nearest(), codes.support_x))
    )
    assert torch.equal(along, along_codes)


def test_a_query_by_code_costs_no_second_look_at_the_support(autoencoder, tasks):
    embedded = []
    autoencoder.encoder.register_forward_hook(lambda module, inputs, codes: embedded.append(tuple(codes.shape[:2])))
    state = autoencoder.adapt(tasks.support_x, tasks.support_y)
    autoencoder.predict(state, tasks.query_x)
    autoencoder.predict(state, tasks.query_x[:, :2])
    assert embedded == [(4, 6), (4, 9), (4, 2)]


def test_the_autoencoder_is_trained_to_draw_its_inputs_whatever_they_are_called(autoencoder, tasks):
    x = torch.cat([tasks.support_x, tasks.query_x], dim=1).flatten(2)
    drawn = autoencoder.decoder(autoencoder.encoder(x)).sigmoid()
    loss = autoencoder(tasks)
    assert torch.allclose(loss, F.binary_cross_entropy(drawn, x))
    renamed = tasks._replace(support_y=tasks.support_y * 0, query_y=2 - tasks.query_y)
    assert torch.equal(autoencoder(renamed), loss)


def test_the_autoencoder_learns_to_draw(autoencoder, tasks):
    optimiser = torch.optim.Adam(autoencoder.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        losses.append(autoencoder(tasks))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < 0.5 * losses[0]


def test_inputs_of_another_size_than_the_autoencoders_are_refused(autoencoder, tasks):
    small = tasks._replace(support_x=tasks.support_x[..., ::2, ::2], query_x=tasks.query_x[..., ::2, ::2])
    state = autoencoder.adapt(tasks.support_x, tasks.support_y)
    for ask in (
        lambda: autoencoder.adapt(small.support_x, small.support_y),
        lambda: autoencoder.predict(state, small.query_x),
        lambda: autoencoder.predict_sequence(small.support_x, small.support_y),
        lambda: autoencoder(small),
    ):
        with pytest.raises(UserError, match="built for 784 numbers"):
            ask()


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_a_temperature_that_is_not_above_zero_is_refused(temperature):
    with pytest.raises(ValueError, match="above 0"):
        Nearest(temperature)
