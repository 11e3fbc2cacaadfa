import pytest
import torch
import torch.nn.functional as F

from quickstudy.core import UserError
from quickstudy.evaluation import evaluate
from quickstudy.learners import Nearest
from quickstudy.tasks import Episodes, Layout


def points(*rows) -> torch.Tensor:
    """One task of vectors, (1, S, D)."""
    return torch.tensor(rows, dtype=torch.float64)[None]


def probabilities(learner, tasks):
    return learner.predict(learner.adapt(tasks.support_x, tasks.support_y), tasks.query_x).probs


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


def test_bytes_and_an_empty_support_are_refused(tasks):
    with pytest.raises(UserError, match="uint8"):
        Nearest().adapt(tasks.support_x.byte(), tasks.support_y)
    with pytest.raises(UserError, match="empty"):
        Nearest().adapt(tasks.support_x[:, :0], tasks.support_y[:, :0])
