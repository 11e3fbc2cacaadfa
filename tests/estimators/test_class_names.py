"""Names of classes are a prior for what the examples say."""

import numpy as np
import pytest
import torch
from torch import nn

from quickstudy.core import UserError
from quickstudy.estimators import FewShotClassifier
from quickstudy.estimators.class_names import with_names
from quickstudy.learners import Plastic

TOWARDS = {"cat": [1.0, 0.0, 0.0], "dog": [0.0, 1.0, 0.0], "owl": [0.0, 0.0, 1.0]}
APART = np.array([0.0, 0.0, 0.0, 5.0])
"""Images lie apart from text, as in CLIP's space."""


def names(classes: list[str]) -> np.ndarray:
    return np.array([[*TOWARDS[each], 0.0] for each in classes])


def images(classes: list[str], noise: float, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return names(classes) + APART + noise * random.normal(size=(len(classes), 4))


def test_a_name_counts_as_so_many_examples() -> None:
    x, y = images(["cat", "dog"], 0.0), np.array(["cat", "dog"])
    more_x, more_y = with_names(x, y, names, 3)
    assert more_x.shape == (8, 4)
    assert more_y.tolist() == ["cat", "dog", *["cat"] * 3, *["dog"] * 3]
    np.testing.assert_allclose(more_x[2:].mean(axis=0), x.mean(axis=0))


def test_names_help_where_a_single_example_misleads() -> None:
    classes = ["cat", "dog", "owl"] * 40
    queries, right = images(classes, 0.4, seed=9), {0: [], 4: []}
    for seed in range(10):
        for weight, found in right.items():
            classifier = FewShotClassifier("feature-means", class_names=names, name_weight=weight)
            found.append(classifier.fit(images(classes[:3], 0.8, seed), classes[:3]).score(queries, classes))
    assert np.mean(right[4]) > np.mean(right[0]) + 0.1


def test_a_named_class_needs_no_example() -> None:
    features = {each: names([each])[0] for each in TOWARDS}
    classifier = FewShotClassifier("feature-means", class_names=features)
    classifier.fit(images(["cat", "dog", "cat", "dog"], 0.1), ["cat", "dog", "cat", "dog"])
    assert classifier.classes_.tolist() == ["cat", "dog", "owl"]
    assert classifier.predict(images(["owl", "cat"], 0.05, seed=5)).tolist() == ["owl", "cat"]


def online() -> Plastic:
    torch.manual_seed(0)
    return Plastic(nn.Linear(4, 6), 6, max_ways=3).eval()


def test_the_first_call_of_partial_fit_reads_the_names_of_all_classes() -> None:
    classes = ["cat", "dog", "owl"]
    first, later, queries = (images(kinds, 0.3, seed) for seed, kinds in enumerate((["cat", "dog"], ["owl"], classes)))
    named = FewShotClassifier(online(), class_names=names, name_weight=2)
    named.partial_fit(first, ["cat", "dog"], classes=classes).partial_fit(later, ["owl"])
    x, y = with_names(first, np.array(["cat", "dog"]), names, 2, np.array(classes))
    assert len(x) == 2 + 3 * 2
    by_hand = FewShotClassifier(online()).partial_fit(x, y, classes=classes).partial_fit(later, ["owl"])
    np.testing.assert_array_equal(named.predict_proba(queries), by_hand.predict_proba(queries))
    without = (
        FewShotClassifier(online()).partial_fit(first, ["cat", "dog"], classes=classes).partial_fit(later, ["owl"])
    )
    assert abs(named.predict_proba(queries) - without.predict_proba(queries)).max() > 1e-3


def test_a_first_call_that_cannot_read_the_names_leaves_the_classifier_as_it_was() -> None:
    features = {each: names([each])[0] for each in ("cat", "dog")}
    classifier = FewShotClassifier(online(), class_names=features)
    x, y = images(["cat", "dog"], 0.1), ["cat", "dog"]
    with pytest.raises(UserError, match="no features of the class 'owl'"):
        classifier.partial_fit(x, y, classes=["cat", "dog", "owl"])
    with pytest.raises(UserError, match="The class dog is new"):
        classifier.partial_fit(x, y, classes=["cat"])
    assert not hasattr(classifier, "classes_")


def test_names_of_another_size_or_missing_ones_are_refused() -> None:
    x, y = images(["cat", "dog"], 0.0), np.array(["cat", "dog"])
    with pytest.raises(UserError, match="Use one encoder for both"):
        with_names(x, y, lambda classes: np.ones((2, 3)), 1)
    with pytest.raises(UserError, match="no features of the class 'dog'"):
        with_names(x, y, {"cat": np.ones(4)}, 1)
    with pytest.raises(UserError, match="name_weight is -1"):
        with_names(x, y, names, -1)
