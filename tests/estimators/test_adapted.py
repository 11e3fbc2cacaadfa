"""One task of any size, adapted to once and asked as often as needed."""

import numpy as np
import pytest

from quickstudy.core import UserError
from quickstudy.datasets import glyphs
from quickstudy.estimators.adapted import AdaptedClassifier
from quickstudy.estimators.chosen import choose


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
