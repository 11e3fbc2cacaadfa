import math

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from quickstudy.core import Tasks, UserError
from quickstudy.learners import ContrastiveEncoder
from quickstudy.networks import Conv4
from quickstudy.tasks import Augmentation, ContrastivePairs


def bare(temperature=0.1) -> ContrastiveEncoder:
    """Vectors of five numbers are their own features, and their own projections."""
    learner = ContrastiveEncoder(nn.Identity(), 5, temperature=temperature)
    learner.projection = nn.Identity()
    return learner


@pytest.fixture
def learner() -> ContrastiveEncoder:
    """In float64 and eval mode, with running statistics of its own."""
    encoder = Conv4(channels=8)
    encoder(torch.rand(16, 1, 28, 28))
    return ContrastiveEncoder(encoder, encoder.num_features, projected=6).double().eval()


@pytest.fixture
def vectors(generator) -> Tasks:
    """Two 3-way 2-shot tasks of vectors of five numbers, in float64."""
    x = torch.randn(2, 10, 5, generator=generator, dtype=torch.float64)
    y = torch.tensor([[0, 1, 2, 0, 1, 2], [2, 2, 1, 0, 0, 1]])
    return Tasks(x[:, :6], y, x[:, 6:], torch.tensor([[0, 1, 2, 0], [1, 1, 0, 2]]))


@pytest.fixture
def pairs(generator) -> Tasks:
    """Two tasks of four pairs of vectors, in float64."""
    x = torch.randn(2, 2, 4, 5, generator=generator, dtype=torch.float64)
    y = torch.arange(4).repeat(2, 1)
    return Tasks(x[0], y, x[1], y)


def predicted(learner, tasks):
    return learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x)


def looped(views, partner, temperature) -> float:
    """Eq. 1 over the 2B views of one task, as the paper writes it: i, its one partner j, and all k that are not i."""

    def similarity(i, k):
        return float(views[i] @ views[k] / (views[i].norm() * views[k].norm())) / temperature

    losses = []
    for i in range(len(views)):
        others = sum(math.exp(similarity(i, k)) for k in range(len(views)) if k != i)
        losses.append(-math.log(math.exp(similarity(i, partner[i])) / others))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
def test_the_loss_is_the_papers_double_loop_over_pairs(pairs, temperature):
    expected = [
        looped([*pairs.support_x[task], *pairs.query_x[task]], [4, 5, 6, 7, 0, 1, 2, 3], temperature)
        for task in range(2)
    ]
    assert float(bare(temperature)(pairs)) == pytest.approx(sum(expected) / 2, abs=1e-12)


def test_with_many_views_of_a_label_the_loss_is_the_mean_over_all_that_belong_together(vectors):
    losses = []
    for task in range(2):
        views = torch.cat([vectors.support_x[task], vectors.query_x[task]])
        labels = torch.cat([vectors.support_y[task], vectors.query_y[task]])
        logits = normalize(views, dim=-1) @ normalize(views, dim=-1).T / 0.2
        for i in range(10):
            keep = [k for k in range(10) if k != i]
            losses += [-logits[i, keep].log_softmax(0)[keep.index(j)] for j in keep if labels[i] == labels[j]]
    assert torch.allclose(bare(0.2)(vectors), torch.stack(losses).mean(), atol=1e-12)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_identical_views_of_drawings_in_opposite_directions_give_the_least_loss_there_is(temperature, generator):
    # Two pairs: at best a view's partner has cosine 1, and both of the others have −1.
    direction = normalize(torch.randn(5, generator=generator, dtype=torch.float64), dim=0)
    view, label = torch.stack([direction, -direction])[None], torch.tensor([[0, 1]])
    least = math.log(1 + 2 * math.exp(-2 / temperature))
    assert float(bare(temperature)(Tasks(view, label, view, label))) == pytest.approx(least, abs=1e-12)
    for _ in range(20):
        moved = view + 0.3 * torch.randn(1, 2, 5, generator=generator, dtype=torch.float64)
        assert bare(temperature)(Tasks(view, label, moved, label)) > least


def test_identical_views_are_where_the_gradient_vanishes(generator):
    # Four directions as far apart as can be, the corners of a tetrahedron: no move of any view lowers the loss.
    corners = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=torch.float64)[None]
    first, second = (corners.clone().requires_grad_() for _ in range(2))
    label = torch.arange(4)[None]
    bare(0.5)(Tasks(first, label, second, label)).backward()
    assert max(first.grad.abs().max(), second.grad.abs().max()) < 1e-12


def test_views_that_are_all_alike_leave_nothing_but_a_guess_among_the_others():
    views, label = torch.ones(1, 4, 5, dtype=torch.float64), torch.arange(4)[None]
    assert float(bare()(Tasks(views, label, views, label))) == pytest.approx(math.log(7), abs=1e-12)


def test_lengths_and_which_view_came_first_change_nothing(pairs):
    expected = bare()(pairs)
    longer = pairs._replace(support_x=3 * pairs.support_x, query_x=pairs.query_x / 7)
    swapped = pairs._replace(support_x=pairs.query_x, query_x=pairs.support_x)
    assert torch.allclose(bare()(longer), expected, atol=1e-12)
    assert torch.allclose(bare()(swapped), expected, atol=1e-12)


def test_the_loss_of_a_batch_is_the_mean_over_its_tasks(pairs):
    alone = [bare()(Tasks(*(field[[task]] for field in pairs))) for task in range(2)]
    assert torch.allclose(bare()(pairs), torch.stack(alone).mean(), atol=1e-12)


def test_labels_say_which_views_belong_together_and_no_more(pairs, generator):
    """The order of the drawings and what numbers they are called by change nothing."""
    expected = bare()(pairs)
    order = torch.randperm(4, generator=generator)
    called = pairs._replace(support_y=order[pairs.support_y], query_y=order[pairs.query_y])
    moved = pairs._replace(query_x=pairs.query_x[:, order], query_y=pairs.query_y[:, order])
    assert torch.allclose(bare()(called), expected, atol=1e-12)
    assert torch.allclose(bare()(moved), expected, atol=1e-12)


def test_which_classes_the_drawings_are_of_changes_no_loss(learner, glyph_images, generator):
    """Drawings divided among the classes at random, and the same ones drawn: the loss cannot tell."""
    heap = glyph_images.flatten(0, 1)
    order = torch.randperm(len(heap), generator=generator)
    divided = heap[order].view(glyph_images.shape).flatten(0, 1)
    still = Augmentation().times(0)
    sorted_, shuffled = (
        ContrastivePairs(drawings, pairs=len(heap), augmentation=still)
        .sample(1, torch.Generator().manual_seed(0))
        .to("cpu", torch.float64)
        for drawings in (heap, divided)
    )
    assert not torch.equal(sorted_.support_x, shuffled.support_x)
    assert torch.allclose(learner(sorted_), learner(shuffled), atol=1e-9)


@pytest.mark.parametrize("projects", [True, False])
def test_a_class_is_the_mean_direction_of_its_examples(learner, tasks, projects):
    learner.projects_at_test = projects
    exact = tasks.to("cpu", torch.float64)
    state = learner.adapt(exact.support_x, exact.support_y)
    for task in range(4):
        features = learner.encoder(exact.support_x[task])
        directions = normalize(learner.projection(features) if projects else features, dim=-1)
        for way in range(3):
            expected = normalize(directions[exact.support_y[task] == way].mean(dim=0), dim=0)
            assert torch.allclose(state.directions[task, way], expected, atol=1e-12)


def test_logits_are_cosines_over_the_temperature(vectors):
    learner = bare(temperature=0.3)
    state = learner.adapt(vectors.support_x, vectors.support_y)
    cosines = torch.cosine_similarity(vectors.query_x[:, :, None], state.directions[:, None], dim=-1)
    assert torch.allclose(learner.predict(state, vectors.query_x).probs, (cosines / 0.3).softmax(dim=-1), atol=1e-12)


@pytest.mark.parametrize("projects", [True, False])
def test_left_out_at_test_the_projection_serves_the_training_alone(learner, tasks, projects):
    learner.projects_at_test = projects
    exact = tasks.to("cpu", torch.float64)
    before, loss = predicted(learner, exact).probs, learner(exact)
    with torch.no_grad():
        hidden = learner.projection[0].weight
        hidden.mul_(torch.linspace(-1, 1, len(hidden))[:, None])
    assert torch.equal(predicted(learner, exact).probs, before) is not projects
    assert not torch.allclose(learner(exact), loss)


def test_relabelling_the_classes_relabels_the_answers_exactly(learner, tasks):
    exact = tasks.to("cpu", torch.float64)
    order = torch.tensor([2, 0, 1])
    relabelled = predicted(learner, exact._replace(support_y=order[exact.support_y])).probs
    assert torch.allclose(relabelled[..., order], predicted(learner, exact).probs, atol=1e-12)


def test_a_class_without_examples_is_ruled_out(vectors):
    without = vectors._replace(support_y=torch.where(vectors.support_y == 1, 3, vectors.support_y))
    state = bare().adapt(without.support_x, without.support_y)
    assert torch.equal(state.is_present, torch.tensor([True, False, True, True]).expand(2, 4))
    probabilities = bare().predict(state, without.query_x).probs
    assert (probabilities[..., 1] == 0).all()
    assert probabilities.isfinite().all()


def test_in_training_both_views_share_their_batch_statistics(learner, tasks):
    exact, counted = tasks.to("cpu", torch.float64), []
    learner.encoder.register_forward_hook(lambda module, given, features: counted.append(features[..., 0].numel()))
    learner.train()(exact)
    assert counted == [4 * (6 + 9)]


def test_gradients_flow_into_both_views_and_every_layer(learner, pairs, glyph_images, generator):
    first, second = pairs.support_x.requires_grad_(), pairs.query_x.requires_grad_()
    bare()(pairs).backward()
    assert (first.grad.abs().sum(dim=-1) > 0).all()
    assert (second.grad.abs().sum(dim=-1) > 0).all()
    drawn = ContrastivePairs(glyph_images.flatten(0, 1), pairs=8).sample(1, generator).to("cpu", torch.float64)
    learner.train()(drawn).backward()
    for name, parameter in learner.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_the_loss_stays_finite_at_sharp_temperatures_in_single_precision(pairs):
    loss = bare(temperature=1e-3)(pairs.to("cpu", torch.float32))
    assert loss.isfinite()
    assert torch.allclose(loss.double(), bare(temperature=1e-3)(pairs), rtol=1e-3)


def test_it_learns_to_tell_pairs_apart(glyph_images, generator):
    encoder = Conv4(channels=8)
    learner = ContrastiveEncoder(encoder, encoder.num_features)
    source = ContrastivePairs(glyph_images.flatten(0, 1), pairs=16)
    optimiser, losses = torch.optim.Adam(learner.parameters(), lr=3e-3), []
    for _ in range(100):
        optimiser.zero_grad()
        loss = learner(source.sample(1, generator))
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-5:]) < 0.75 * sum(losses[:5])


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_a_temperature_that_is_not_above_zero_is_refused(temperature):
    with pytest.raises(UserError, match="above 0"):
        ContrastiveEncoder(nn.Identity(), 5, temperature=temperature)


def test_bytes_are_images_whose_ink_is_255(learner, tasks):
    support_x, query_x = ((255 * x).round() for x in (tasks.support_x, tasks.query_x))
    expected = learner.predict(learner.adapt(support_x.double() / 255, tasks.support_y), query_x.double() / 255).probs
    found = learner.predict(learner.adapt(support_x.byte(), tasks.support_y), query_x.byte()).probs
    assert torch.equal(found, expected)


def test_queries_of_another_number_of_tasks_are_refused(learner, tasks):
    state = learner.adapt(tasks.support_x.double(), tasks.support_y)
    with pytest.raises(UserError, match="state holds 4 tasks"):
        learner.predict(state, tasks.query_x[:2].double())


def test_training_on_views_that_belong_to_no_other_is_refused(pairs):
    with pytest.raises(UserError, match="belong together"):
        bare()(pairs._replace(query_y=pairs.query_y + 4))


def test_a_number_of_labels_other_than_of_views_is_refused(pairs):
    with pytest.raises(UserError, match="support_y"):
        bare()(pairs._replace(support_y=pairs.support_y[:, :-1]))
