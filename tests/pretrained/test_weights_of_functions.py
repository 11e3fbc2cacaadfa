"""What the shipped weights of functions and of images know."""

import pytest
import torch
import torch.nn.functional as F

import quickstudy
from quickstudy.datasets import glyphs
from quickstudy.evaluation import evaluate_functions
from quickstudy.evaluation.completed_images import complete
from quickstudy.pretrained import describe
from quickstudy.recipes import build
from quickstudy.tasks import Completion, CompletionLayout

OF_CURVES = ("gp-cnp", "gp-general", "gp-tnp")
OF_IMAGES = ("omniglot-completion-cnp", "omniglot-completion-conv-cnp")
_MEAN_IMAGE = 0.0485  # Squared error of the characters' mean image on characters.


@pytest.fixture(scope="module")
def drawings() -> Completion:
    return Completion(glyphs.load(200, 1, seed=5).flatten(0, 1), CompletionLayout(100))


@pytest.mark.parametrize("name", OF_CURVES + OF_IMAGES)
def test_they_load_ready_to_predict_and_say_where_they_come_from(name: str) -> None:
    assert not quickstudy.load(name).training
    header = describe(name)
    assert header.recipe == name
    assert header.commit != "unknown"
    assert not header.commit.endswith("-dirty")


@pytest.mark.parametrize("name", OF_CURVES)
def test_they_come_more_than_half_of_the_way_from_the_prior_to_the_exact_posterior(name: str) -> None:
    header = describe(name)
    tests = build(header.recipe, header.arguments).test
    found = evaluate_functions(quickstudy.load(name), next(iter(tests.values()))(None), 300)
    assert found.closed is not None
    assert 0.5 < found.closed < 1.0
    assert found.coverage90 is not None
    assert 0.84 < found.coverage90.mean < 0.96


@pytest.mark.parametrize("count", [0, 1, 100])
def test_the_general_regressor_reads_any_number_of_points(count: int) -> None:
    learner = quickstudy.load("gp-general")
    x = torch.linspace(-2, 2, count).view(1, count, 1)
    query_x = torch.linspace(-2, 2, 41).view(1, 41, 1)
    prediction = learner.predict(learner.adapt(x, x.cos()), query_x)
    assert prediction.mean.shape == (1, 41, 1)
    if count == 100:
        assert (prediction.mean - query_x.cos()).abs().max() < 0.05
        assert prediction.stddev.max() < 0.1
    if count == 0:
        assert prediction.stddev.min() > 0.5


@pytest.mark.parametrize("name", OF_IMAGES)
def test_they_complete_drawings_better_than_a_mean_image_would(name: str, drawings: Completion) -> None:
    assert evaluate_functions(quickstudy.load(name), drawings, 200).squared_error.mean < _MEAN_IMAGE


def test_they_are_least_sure_at_the_edges_of_strokes(drawings: Completion) -> None:
    found = complete(quickstudy.load("omniglot-completion-conv-cnp"), drawings, 100, 100)
    truth_T1HW = found.truth.view(-1, 1, 28, 28)
    brightest, darkest = F.max_pool2d(truth_T1HW, 3, 1, 1), -F.max_pool2d(-truth_T1HW, 3, 1, 1)
    is_edge = ((brightest - darkest) > 0.5).view(found.is_given.shape) & ~found.is_given
    is_far = (F.max_pool2d(truth_T1HW, 5, 1, 2) < 0.1).view(found.is_given.shape) & ~found.is_given
    spread = found.deviation[..., 0]
    assert spread[is_edge].mean() > 2 * spread[is_far].mean()
    assert spread[is_edge].mean() > spread[~is_edge & ~found.is_given].mean()
