"""A calibration changes probabilities and not classes, and comes back from a header."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from quickstudy.core import CalibratedSetting, Calibration, Learner, UserError, categorical
from quickstudy.core.calibrated import known_score, scores_of_logits

SMALL = CalibratedSetting(
    ways=5,
    shots=1,
    temperature=2.0,
    score="distance",
    lowest_known_score=1.0,
    lowest_log_probabilities={"0.9": -1.0, "0.95": -2.0},
    data="omniglot",
    classes=236,
    tasks=300,
)
LARGE = replace(
    SMALL,
    ways=20,
    shots=5,
    temperature=0.5,
    score="logits",
    lowest_known_score=2.0,
    lowest_log_probabilities={"0.9": -0.5},
)


def prediction(*shape: int):
    return categorical(torch.randn(*shape, generator=torch.Generator().manual_seed(0)) * 3)


def test_a_high_temperature_takes_confidence_away_and_keeps_the_class() -> None:
    before = prediction(2, 7, 5)
    after = SMALL.calibrated(before)
    assert torch.equal(after.probs.argmax(dim=-1), before.probs.argmax(dim=-1))
    assert (after.probs.amax(dim=-1) < before.probs.amax(dim=-1)).all()
    assert torch.allclose(after.probs, (before.logits / 2).softmax(dim=-1))


def test_an_excluded_class_stays_excluded() -> None:
    logits = torch.tensor([[[1.0, 2.0, -torch.inf]]])
    assert SMALL.calibrated(categorical(logits)).probs[0, 0, 2] == 0
    assert not SMALL.sets(categorical(logits)).isnan().any()
    assert not SMALL.sets(categorical(logits))[0, 0, 2]


class Means(Learner):
    """A learner with an encoder that changes nothing; it predicts what is closest."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Identity()

    def adapt(self, support_x, support_y, support_mask=None):
        return (support_x,)

    def predict(self, state, query_x):
        return categorical(-torch.cdist(query_x, state[0]).square())


SUPPORT_X = torch.tensor([[[0.0, 0.0], [0.0, 2.0], [10.0, 0.0]]])
SUPPORT_Y = torch.tensor([[0, 0, 2]])


def test_the_distance_is_that_to_the_closest_mean_of_a_class_that_is_there() -> None:
    query_x = torch.tensor([[[0.0, 1.0], [3.0, 1.0], [10.0, 2.0]]])
    found = known_score("distance", Means(), SUPPORT_X, SUPPORT_Y, query_x)
    assert torch.allclose(found, torch.tensor([[0.0, -9.0, -4.0]]), atol=1e-4)


def test_the_score_of_logits_is_the_highest_above_the_mean_without_excluded_classes() -> None:
    logits = torch.tensor([[1.0, 2.0, 6.0], [-torch.inf, 1.0, 3.0]])
    assert torch.allclose(scores_of_logits(logits)["logits"], torch.tensor([3.0, 1.0]))


def test_the_score_of_confidence_is_the_logarithm_of_the_highest_probability() -> None:
    logits = torch.tensor([[1.0, 2.0, 6.0], [-torch.inf, 1.0, 3.0]])
    found = scores_of_logits(logits)["confidence"]
    assert torch.allclose(found, logits.softmax(dim=-1).amax(dim=-1).log().double(), atol=1e-6)
    assert torch.allclose(scores_of_logits(logits + 7)["confidence"], found, atol=1e-6)


def test_the_score_of_logits_is_read_from_the_prediction() -> None:
    query_x = torch.tensor([[[0.0, 1.0]]])
    found = known_score("logits", Means(), SUPPORT_X, SUPPORT_Y, query_x)
    assert torch.allclose(found, scores_of_logits(torch.tensor([[-1.0, -1.0, -101.0]]))["logits"])


def test_queries_far_from_all_classes_are_of_none_of_these() -> None:
    query_x = torch.tensor([[[0.0, 1.5], [100.0, 100.0]]])
    setting = replace(SMALL, lowest_known_score=-1.0)
    assert setting.is_none_of_these(Means(), SUPPORT_X, SUPPORT_Y, query_x).tolist() == [[False, True]]


def test_sets_of_higher_coverage_hold_the_others() -> None:
    found = prediction(3, 50, 5)
    narrow, wide = SMALL.sets(found, 0.9), SMALL.sets(found, 0.95)
    assert narrow.shape == (3, 50, 5)
    assert (wide | ~narrow).all()
    assert wide.sum() > narrow.sum()


def test_a_coverage_that_was_not_fitted_is_refused() -> None:
    with pytest.raises(UserError, match=r"coverage is 0\.5, but sets were fitted for 0\.9, 0\.95"):
        SMALL.sets(prediction(1, 1, 5), 0.5)


@pytest.mark.parametrize(
    ("ways", "shots", "expected"), [(5, 1, SMALL), (3, 2, SMALL), (20, 2.5, LARGE), (40, 9, LARGE)]
)
def test_the_closest_setting_counts(ways: int, shots: float, expected: CalibratedSetting) -> None:
    assert Calibration((SMALL, LARGE)).at(ways, shots) is expected


@pytest.mark.parametrize(("ways", "shots"), [(0, 1), (5, 0)])
def test_a_task_without_classes_or_examples_is_refused(ways: int, shots: int) -> None:
    with pytest.raises(UserError, match="above 0"):
        Calibration((SMALL,)).at(ways, shots)


def test_it_comes_back_from_json() -> None:
    calibration = Calibration((SMALL, LARGE))
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json())), "a") == calibration


@pytest.mark.parametrize(
    "damage", [{"temperature": -1.0}, {"temperature": "warm"}, {"lowest_log_probabilities": 3}, {"x": 1}]
)
def test_a_damaged_calibration_is_refused(damage: dict) -> None:
    written = [{**Calibration((SMALL,)).to_json()[0], **damage}]
    with pytest.raises(UserError, match=r"calibrate\.py a"):
        Calibration.from_json(written, "a")


def test_an_empty_calibration_is_refused() -> None:
    with pytest.raises(UserError, match="damaged"):
        Calibration.from_json([], "a")
