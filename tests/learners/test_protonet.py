import pytest
import torch
from torch import nn

from quickstudy.core import Tasks, UserError
from quickstudy.evaluation import evaluate
from quickstudy.learners import ProtoNet
from quickstudy.networks import Conv4
from quickstudy.tasks import Episodes, Layout

VECTORS = ProtoNet(nn.Identity())


@pytest.fixture
def learner() -> ProtoNet:
    """In float64 and eval mode, with running statistics of its own."""
    torch.manual_seed(0)
    encoder = Conv4(channels=8)
    encoder(torch.rand(16, 1, 28, 28))
    return ProtoNet(encoder).double().eval()


@pytest.fixture
def vectors(generator) -> Tasks:
    """Two 3-way 2-shot tasks of vectors of five numbers, in float64."""
    x = torch.randn(2, 10, 5, generator=generator, dtype=torch.float64)
    y = torch.tensor([[0, 1, 2, 0, 1, 2], [2, 2, 1, 0, 0, 1]])
    return Tasks(x[:, :6], y, x[:, 6:], torch.tensor([[0, 1, 2, 0], [1, 1, 0, 2]]))


def predicted(learner, tasks):
    return learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)


def test_prototypes_are_class_means(learner, tasks):
    exact = tasks.to("cpu", torch.float64)
    state = learner.adapt(exact.support_x, exact.support_y)
    for task in range(4):
        embedded = learner.encoder(exact.support_x[task])
        for way in range(3):
            expected = embedded[exact.support_y[task] == way].mean(dim=0)
            assert torch.allclose(state.prototypes[task, way], expected, atol=1e-12)


def test_with_one_shot_a_prototype_is_the_single_embedding(learner, tasks):
    exact = tasks.to("cpu", torch.float64)
    x = exact.support_x[:, :3]
    state = learner.adapt(x, torch.tensor([[1, 2, 0]]).repeat(4, 1))
    assert torch.allclose(state.prototypes[:, [1, 2, 0]], learner.encoder(x), atol=1e-12)


def test_logits_are_minus_squared_distances_to_the_prototypes(learner, tasks):
    exact = tasks.to("cpu", torch.float64)
    state = learner.adapt(exact.support_x, exact.support_y)
    distances_TQN = torch.cdist(learner.encoder(exact.query_x), state.prototypes)
    expected = distances_TQN.square().neg().softmax(dim=-1)
    assert torch.allclose(learner.predict(state, exact.query_x).probs, expected, atol=1e-9)


def test_logits_are_twice_the_dot_products_less_squared_norms_up_to_a_constant(vectors):
    state = VECTORS.adapt(vectors.support_x, vectors.support_y)
    logits = VECTORS.predict(state, vectors.query_x).logits
    for task in range(2):
        for query, z in enumerate(vectors.query_x[task]):
            expected = torch.stack([2 * z @ c - c @ c for c in state.prototypes[task]])
            shift = logits[task, query] - expected
            assert torch.allclose(shift, shift[0].expand(3), atol=1e-9)


def test_moving_and_turning_the_embedding_space_changes_nothing(vectors, generator):
    turn, _ = torch.linalg.qr(torch.randn(5, 5, generator=generator, dtype=torch.float64))
    there = torch.randn(5, generator=generator, dtype=torch.float64)
    moved = vectors._replace(support_x=vectors.support_x @ turn + there, query_x=vectors.query_x @ turn + there)
    assert torch.allclose(predicted(VECTORS, moved).probs, predicted(VECTORS, vectors).probs, atol=1e-9)


def test_stretching_the_embedding_space_sharpens_the_answers(vectors):
    stretched = vectors._replace(support_x=3 * vectors.support_x, query_x=3 * vectors.query_x)
    expected = (9 * predicted(VECTORS, vectors).logits).softmax(dim=-1)
    assert torch.allclose(predicted(VECTORS, stretched).probs, expected, atol=1e-9)


def test_a_query_equal_to_its_single_support_image_is_at_distance_zero(learner, tasks):
    exact = tasks.to("cpu", torch.float64)
    x, y = exact.support_x[:, :3], torch.arange(3).repeat(4, 1)
    state = learner.adapt(x, y)
    assert torch.allclose(learner.encoder(x), state.prototypes, atol=1e-12)
    apart = torch.cdist(state.prototypes, state.prototypes).square()
    assert torch.allclose(learner.predict(state, x).probs, (-apart).softmax(dim=-1), atol=1e-9)


def test_permuting_and_doubling_the_support_change_nothing(vectors):
    expected = predicted(VECTORS, vectors).probs
    order = torch.tensor([3, 5, 0, 4, 1, 2])
    permuted = vectors._replace(support_x=vectors.support_x[:, order], support_y=vectors.support_y[:, order])
    doubled = vectors._replace(support_x=vectors.support_x.repeat(1, 2, 1), support_y=vectors.support_y.repeat(1, 2))
    assert torch.allclose(predicted(VECTORS, permuted).probs, expected, atol=1e-12)
    assert torch.allclose(predicted(VECTORS, doubled).probs, expected, atol=1e-12)


def test_relabelling_the_classes_relabels_the_answers_exactly(learner, tasks):
    exact = tasks.to("cpu", torch.float64)
    order = torch.tensor([2, 0, 1])
    relabelled = predicted(learner, exact._replace(support_y=order[exact.support_y])).probs
    assert torch.allclose(relabelled[..., order], predicted(learner, exact).probs, atol=1e-12)


def test_queries_do_not_see_each_other(learner, tasks):
    exact = tasks.to("cpu", torch.float64)
    state = learner.adapt(exact.support_x, exact.support_y)
    together = learner.predict(state, exact.query_x).probs
    assert torch.allclose(learner.predict(state, exact.query_x[:, :1]).probs, together[:, :1], atol=1e-12)


def test_wiped_prototypes_know_nothing(learner, tasks):
    exact = tasks.to("cpu", torch.float64)
    state = learner.adapt(exact.support_x, exact.support_y)
    wiped = state._replace(prototypes=torch.zeros_like(state.prototypes))
    assert torch.allclose(learner.predict(wiped, exact.query_x).probs, torch.full((), 1 / 3, dtype=torch.float64))


def test_tasks_of_fewer_classes_leave_the_others_impossible(vectors):
    fewer = vectors._replace(support_y=torch.stack([vectors.support_y[0], vectors.support_y[1].clamp(max=1)]))
    found = predicted(VECTORS, fewer).probs
    assert (found[1, :, 2] == 0).all()
    assert (found[0] > 0).all()
    alone = predicted(VECTORS, Tasks(*(field[1:] for field in fewer))).probs
    assert torch.allclose(found[1:, :, :2], alone, atol=1e-12)


def test_the_meta_loss_of_an_encoder_without_batch_statistics_is_the_mean_nll(vectors):
    expected = -predicted(VECTORS, vectors).log_prob(vectors.query_y).mean()
    assert torch.allclose(VECTORS(vectors), expected, atol=1e-12)


def test_the_meta_loss_at_test_is_the_mean_nll(learner, tasks):
    exact = tasks.to("cpu", torch.float64)
    expected = -predicted(learner, exact).log_prob(exact.query_y).mean()
    assert torch.allclose(learner(exact), expected, atol=1e-9)


def test_in_training_support_and_queries_share_their_batch_statistics(learner, tasks):
    exact, counted = tasks.to("cpu", torch.float64), []
    learner.encoder.register_forward_hook(lambda module, given, features: counted.append(features[..., 0].numel()))
    learner.train()(exact)
    assert counted == [4 * (6 + 9)]


def test_the_support_is_embedded_once_however_many_queries_follow(learner, tasks):
    exact, counted = tasks.to("cpu", torch.float64), []
    learner.encoder.register_forward_hook(lambda module, given, features: counted.append(features[..., 0].numel()))
    state = learner.adapt(exact.support_x, exact.support_y)
    learner.predict(state, exact.query_x)
    learner.predict(state, exact.query_x[:, :2])
    assert counted == [4 * 6, 4 * 9, 4 * 2]


def test_gradients_flow_into_support_and_queries_alike(vectors):
    x, q = vectors.support_x.requires_grad_(), vectors.query_x.requires_grad_()
    VECTORS(vectors).backward()
    assert (x.grad.abs().sum(dim=-1) > 0).all()
    assert (q.grad.abs().sum(dim=-1) > 0).all()


def test_every_layer_of_the_encoder_gets_a_gradient(learner, tasks):
    learner.train()(tasks.to("cpu", torch.float64)).backward()
    for name, parameter in learner.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_the_query_labels_move_the_loss_and_no_answer(learner, tasks):
    exact = tasks.to("cpu", torch.float64)
    wrong = exact._replace(query_y=(exact.query_y + 1) % 3)
    assert torch.equal(predicted(learner, exact).probs, predicted(learner, wrong).probs)
    assert learner(wrong) > learner(exact)


def test_an_untrained_encoder_beats_chance_and_shuffled_labels_take_that_away(glyph_images):
    torch.manual_seed(0)
    learner = ProtoNet(Conv4(channels=8))
    told, misled = (
        evaluate(learner, Episodes(glyph_images, Layout(5, 1, 5, shuffled_labels=shuffled)), num_tasks=200)
        for shuffled in (False, True)
    )
    assert told.accuracy.mean > 0.35
    assert abs(misled.accuracy.mean - 0.2) < 3 * misled.accuracy.interval95 / 1.96


def test_it_learns_a_fixed_batch_by_heart(tasks):
    torch.manual_seed(0)
    learner = ProtoNet(Conv4(channels=8, normalisation="group"))
    optimiser = torch.optim.Adam(learner.parameters(), lr=1e-2)
    for _ in range(30):
        optimiser.zero_grad()
        learner(tasks).backward()
        optimiser.step()
    answers = predicted(learner.eval(), tasks).probs.argmax(dim=-1)
    assert (answers == tasks.query_y).double().mean() > 0.95


def test_bytes_are_images_whose_ink_is_255(learner, tasks):
    support_x, query_x = ((255 * x).round() for x in (tasks.support_x, tasks.query_x))
    expected = learner.predict(learner.adapt(support_x.double() / 255, tasks.support_y), query_x.double() / 255).probs
    found = learner.predict(learner.adapt(support_x.byte(), tasks.support_y), query_x.byte()).probs
    assert torch.equal(found, expected)


def test_an_empty_support_is_refused(learner, tasks):
    with pytest.raises(UserError, match="support is empty"):
        learner.adapt(tasks.support_x[:, :0], tasks.support_y[:, :0])


def test_training_on_a_support_without_its_labels_is_refused(learner, tasks):
    with pytest.raises(UserError, match="support_y"):
        learner(tasks._replace(support_y=tasks.support_y[:, :-1]))


def test_queries_of_another_number_of_tasks_are_refused(learner, tasks):
    state = learner.adapt(tasks.support_x.double(), tasks.support_y)
    with pytest.raises(UserError, match="state holds 4 tasks"):
        learner.predict(state, tasks.query_x[:2].double())
