"""One task of any size, adapted to once and asked as often as needed."""

import numpy as np
import pytest

from quickstudy.core import CalibratedSetting, Calibration, UserError
from quickstudy.datasets import glyphs
from quickstudy.estimators.adapted import AdaptedClassifier
from quickstudy.estimators.chosen import Chosen, choose


@pytest.fixture(scope="module")
def drawings() -> np.ndarray:
    """(12 classes, 4 drawings, 1, 28, 28)."""
    return glyphs.load(12, 4, seed=5).numpy()[:, :, None].astype(np.float32) / 255


def labels(classes: int, shots: int) -> np.ndarray:
    return np.repeat(np.arange(classes), shots)


def accuracy(adapted: AdaptedClassifier, drawings: np.ndarray) -> float:
    found = adapted.probabilities(drawings[:, 3]).argmax(axis=1)
    return float((found == np.arange(len(drawings))).mean())


def test_a_learner_of_five_ways_tells_twelve_classes_apart(drawings) -> None:
    adapted = AdaptedClassifier(choose("omniglot-reptile"), 12)
    adapted.adapt(drawings[:, :1].reshape(-1, 1, 28, 28), labels(12, 1))
    assert len(adapted.groups) > 3
    assert accuracy(adapted, drawings) > 0.5


def test_draws_move_drawings_and_the_first_does_not(drawings) -> None:
    support, y = drawings[:5, 0], labels(5, 1)
    one = AdaptedClassifier(choose("omniglot-cnp"), 5).adapt(support, y)
    many = AdaptedClassifier(choose("omniglot-cnp"), 5, num_draws=3).adapt(support, y)
    assert (len(one.states), len(many.states)) == (1, 3)
    assert not np.allclose(one.probabilities(support), many.probabilities(support), atol=1e-5)


def test_the_seed_decides_the_draws(drawings) -> None:
    support, y = drawings[:5, 0], labels(5, 1)

    def found(seed: int) -> np.ndarray:
        return AdaptedClassifier(choose("omniglot-transformer"), 5, 2, seed).adapt(support, y).probabilities(support)

    np.testing.assert_array_equal(found(1), found(1))
    assert not np.array_equal(found(1), found(2))


def test_an_online_learner_extends_what_it_knows(drawings) -> None:
    chosen = choose("omniglot-mann")
    whole = AdaptedClassifier(chosen, 5).extend(drawings[:5, 0], labels(5, 1))
    parts = AdaptedClassifier(chosen, 5).extend(drawings[:2, 0], np.array([0, 1]))
    assert parts.probabilities(drawings[:5, 1])[:, 2:].max() == 0, "no example of these came yet"
    parts.extend(drawings[2:5, 0], np.array([2, 3, 4]))
    np.testing.assert_allclose(
        whole.probabilities(drawings[:5, 1]), parts.probabilities(drawings[:5, 1]), rtol=1e-3, atol=1e-5
    )


def test_what_cannot_go_on_says_so(drawings) -> None:
    with pytest.raises(UserError, match="cannot go on learning"):
        AdaptedClassifier(choose("omniglot-protonet"), 5).extend(drawings[:5, 0], labels(5, 1))
    with pytest.raises(UserError, match="go on learning with up to 20"):
        AdaptedClassifier(choose("omniglot-snail"), 21).extend(drawings[:5, 0], labels(5, 1))


def test_no_queries_give_no_predictions(drawings) -> None:
    adapted = AdaptedClassifier(choose("omniglot-cnp"), 5).adapt(drawings[:5, 0], labels(5, 1))
    assert adapted.probabilities(drawings[:0, 0]).shape == (0, 5)


def calibrated(name: str, score: str = "distance", temperature: float = 1.0, lowest: float = -10.0) -> Chosen:
    setting = CalibratedSetting(
        ways=5,
        shots=1,
        temperature=temperature,
        score=score,
        lowest_known_score=lowest,
        lowest_log_probabilities={"0.9": -0.7},
        data="omniglot",
        classes=236,
        tasks=300,
    )
    return choose(name)._replace(calibration=Calibration((setting,)))


def test_the_temperature_of_the_weights_divides_the_logits(drawings) -> None:
    support, y = drawings[:5, 0], labels(5, 1)
    once, thrice = (
        AdaptedClassifier(calibrated("omniglot-protonet", temperature=each), 5)
        .adapt(support, y)
        .probabilities(drawings[:5, 1])
        for each in (1.0, 3.0)
    )
    expected = once ** (1 / 3)
    np.testing.assert_allclose(thrice, expected / expected.sum(axis=1, keepdims=True), rtol=1e-5)


def test_queries_far_from_all_classes_are_not_known(drawings) -> None:
    adapted = AdaptedClassifier(calibrated("omniglot-protonet"), 5).adapt(drawings[:5, 0], labels(5, 1))
    features = np.concatenate([drawings[:5, 0], np.random.default_rng(0).random((3, 1, 28, 28), dtype=np.float32)])
    assert adapted.is_known(features).tolist() == [True] * 5 + [False] * 3
    assert adapted.is_known(features[:0]).shape == (0,)


@pytest.mark.parametrize("score", ["logits", "confidence"])
def test_a_score_of_predictions_joins_groups_and_draws(drawings, score: str) -> None:
    chosen = calibrated("omniglot-reptile", score, lowest=-np.inf)
    adapted = AdaptedClassifier(chosen, 7, num_draws=2).adapt(drawings[:7, 0], labels(7, 1))
    assert adapted.is_known(drawings[:7, 1]).tolist() == [True] * 7


def test_class_means_grow_with_further_examples(drawings) -> None:
    chosen = calibrated("omniglot-mann")
    whole = AdaptedClassifier(chosen, 5).adapt(drawings[:5, :2].reshape(-1, 1, 28, 28), labels(5, 2))
    parts = AdaptedClassifier(chosen, 5).extend(drawings[:5, 0], labels(5, 1)).extend(drawings[:5, 1], labels(5, 1))
    assert whole.shots == parts.shots == 2
    np.testing.assert_allclose(whole.sums, parts.sums, rtol=1e-4, atol=1e-4)


def test_sets_hold_the_classes_above_the_threshold(drawings) -> None:
    adapted = AdaptedClassifier(calibrated("omniglot-protonet"), 3)
    adapted.shots = 1.0
    probabilities = np.array([[0.6, 0.4, 0.0], [0.3, 0.3, 0.4]])
    assert adapted.sets(probabilities, 0.9).tolist() == [[True, False, False], [False, False, False]]
    with pytest.raises(UserError, match="coverage is 0"):
        adapted.sets(probabilities, 0.5)


def test_without_a_calibration_nothing_more_is_said(drawings) -> None:
    chosen = calibrated("omniglot-protonet")._replace(calibration=None)
    adapted = AdaptedClassifier(chosen, 5).adapt(drawings[:5, 0], labels(5, 1))
    for ask in (lambda: adapted.is_known(drawings[:5, 0]), lambda: adapted.sets(np.ones((1, 5)), 0.9)):
        with pytest.raises(UserError, match="'omniglot-protonet' has no calibration"):
            ask()
