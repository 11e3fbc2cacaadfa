"""Classes are named after a few examples, with the interface that users of scikit-learn know."""

import pickle
import re
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import quickstudy
from quickstudy.core import UserError
from quickstudy.estimators import FewShotClassifier, FewShotRegressor
from quickstudy.learners import ProtoNet


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """A few drawings of each digit, 8×8, from 0 to 16."""
    found = load_digits()
    places = np.concatenate([np.flatnonzero(found.target == each)[:12] for each in range(10)])
    return found.images[places], found.target[places]


def few(y: np.ndarray, shots: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of the first examples of each class, and of the others."""
    support = np.concatenate([np.flatnonzero(y == each)[:shots] for each in np.unique(y)])
    return support, np.setdiff1d(np.arange(len(y)), support)


def test_digits_are_named_by_weights_that_never_saw_one(digits) -> None:
    images, y = digits
    support, query = few(y, 5)
    classifier = FewShotClassifier().fit(images[support], y[support])
    assert classifier.learner_name_ == "omniglot-encoder"
    on_pixels = KNeighborsClassifier(1).fit(images[support].reshape(50, -1), y[support])
    accuracy = classifier.score(images[query], y[query])
    assert accuracy > 0.85
    assert accuracy > on_pixels.score(images[query].reshape(len(query), -1), y[query]) - 0.05


def test_rows_of_numbers_go_to_the_kernel_transformer() -> None:
    X, y = load_iris(return_X_y=True)
    classifier = FewShotClassifier()
    assert cross_val_score(classifier, X, y).mean() > 0.93
    assert classifier.fit(X, y).learner_name_ == "clusters-transformer"


@pytest.mark.parametrize(("name", "most", "mean"), [("table-means", 1e-3, 1e-3), ("auto", 0.3, 0.02)])
def test_units_of_features_do_not_matter_or_hardly(name: str, most: float, mean: float) -> None:
    X, y = load_iris(return_X_y=True)
    units = np.array([1e6, 1e-6, 1.0, 1000.0])
    plain, scaled = (
        FewShotClassifier(name).fit(each[::5], y[::5]).predict_proba(each) for each in (X, X * units + units)
    )
    assert abs(plain - scaled).max() < most
    assert abs(plain - scaled).mean() < mean


def test_classes_may_be_strings_and_uneven(digits) -> None:
    images, y = digits
    names = np.array(["zero", "one", "two", "drei"])
    support = np.flatnonzero(y < 4)[[0, 1, 2, 3, 12, 24, 36, 37]]
    classifier = FewShotClassifier().fit(images[support], names[y[support]])
    assert classifier.classes_.tolist() == ["drei", "one", "two", "zero"]
    assert set(classifier.predict(images[y < 4])) <= set(names)
    np.testing.assert_allclose(classifier.predict_proba(images[:3]).sum(axis=1), 1)


@pytest.mark.parametrize("change", ["flat", "bytes", "colour", "channels first", "booleans"])
def test_images_may_have_any_usual_form(digits, change: str) -> None:
    images, y = digits
    forms: dict[str, Any] = {
        "flat": lambda x: x.reshape(len(x), -1),
        "bytes": lambda x: np.rint(x / 16 * 255).astype(np.uint8),
        "colour": lambda x: np.repeat(x[..., None], 3, axis=3),
        "channels first": lambda x: x[:, None],
        "booleans": lambda x: x > 7,
    }
    support, query = few(y, 2)
    expected = FewShotClassifier("omniglot-cnp").fit(images[support], y[support]).predict(images[query])
    changed = forms[change](images)
    found = FewShotClassifier("omniglot-cnp").fit(changed[support], y[support]).predict(changed[query])
    assert (found == expected).mean() > (0.5 if change == "booleans" else 0.95)


def test_flat_images_need_a_shape_if_the_learner_is_chosen_by_itself(digits) -> None:
    images, y = digits
    flat = images.reshape(len(images), -1)
    assert FewShotClassifier().fit(flat[:30], y[:30]).learner_name_ == "clusters-transformer"
    assert FewShotClassifier(image_shape=(8, 8)).fit(flat[:30], y[:30]).learner_name_ == "omniglot-encoder"
    with pytest.raises(UserError, match="image_shape is"):
        FewShotClassifier(image_shape=(8, 9)).fit(flat, y)


@pytest.mark.parametrize("name", ["omniglot-maml-first-order", "omniglot-reptile"])
def test_a_learner_of_five_ways_names_ten_classes(digits, name: str) -> None:
    images, y = digits
    support, query = few(y, 1)
    query = query[::6]
    classifier = FewShotClassifier(name).fit(images[support], y[support])
    assert classifier.score(images[query], y[query]) > 0.35


def test_more_examples_than_in_training_are_read_in_turns(digits) -> None:
    images, y = digits
    support, query = few(y, 8)
    classifier = FewShotClassifier("omniglot-snail").fit(images[support], y[support])
    assert classifier.score(images[query], y[query]) > 0.7


def test_queries_do_not_change_each_other(digits) -> None:
    images, y = digits
    support, _ = few(y, 1)
    for name in ("omniglot-maml-first-order", "omniglot-transformer"):
        classifier = FewShotClassifier(name, num_draws=2).fit(images[support], y[support])
        together = classifier.predict_proba(images[:4])
        alone = np.concatenate([classifier.predict_proba(images[each : each + 1]) for each in range(4)])
        np.testing.assert_allclose(together, alone, atol=1e-4)


def test_one_draw_is_the_learner_itself() -> None:
    x = np.random.default_rng(0).normal(size=(12, 6))
    y = np.repeat([0, 1, 2], 4)
    learner = quickstudy.load("clusters-transformer")
    state = learner.adapt(x[None].astype(np.float32), y[None])
    expected = learner.predict(state, x[None].astype(np.float32)).probs[0]
    np.testing.assert_allclose(FewShotClassifier().fit(x, y).predict_proba(x), expected, atol=1e-5)


def test_a_learner_of_your_own_is_taken_and_stays_unchanged() -> None:
    own = ProtoNet(torch.nn.Flatten(2)).train()
    X, y = load_iris(return_X_y=True)
    classifier = FewShotClassifier(own).fit(X, y)
    assert classifier.learner_name_ == "ProtoNet"
    assert classifier.score(X, y) > 0.8
    assert own.training


def test_an_online_learner_goes_on(digits) -> None:
    images, y = digits
    support, query = few(y, 4)
    classifier = FewShotClassifier("omniglot-mann")
    for part in np.array_split(np.random.default_rng(0).permutation(support), 4):
        classifier.partial_fit(images[part], y[part], classes=range(10))
    assert classifier.score(images[query], y[query]) > 0.6


def test_the_learners_that_partial_fit_names_can_go_on() -> None:
    named = [
        (kind, name)
        for kind in (FewShotClassifier, FewShotRegressor)
        for name in re.findall(r'"([a-z-]+)"', kind.partial_fit.__doc__ or "")
    ]
    assert len(named) > 2
    assert all(hasattr(kind(name), "partial_fit") for kind, name in named)


def test_only_online_learners_have_partial_fit(digits) -> None:
    images, y = digits
    assert not hasattr(FewShotClassifier(), "partial_fit")
    assert not hasattr(FewShotClassifier("omniglot-protonet"), "partial_fit")
    online = FewShotClassifier("omniglot-mann")
    with pytest.raises(UserError, match="needs classes="):
        online.partial_fit(images[:9], y[:9])
    with pytest.raises(UserError, match="The class 0 is new"):
        online.partial_fit(images[:9], y[:9], classes=[1, 2])


@pytest.mark.parametrize("name", ["auto", "omniglot-transformer"])
def test_a_pickled_and_a_cloned_classifier_predict_the_same(digits, name: str) -> None:
    images, y = digits
    classifier = FewShotClassifier(name, num_draws=2).fit(images[::4], y[::4])
    expected = classifier.predict_proba(images[:5])
    restored = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_allclose(restored.predict_proba(images[:5]), expected, atol=1e-6)
    again = clone(classifier).fit(images[::4], y[::4])
    np.testing.assert_allclose(again.predict_proba(images[:5]), expected, atol=1e-6)


def test_it_works_in_pipelines_and_grid_searches() -> None:
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), FewShotClassifier())
    search = GridSearchCV(pipeline, {"fewshotclassifier__learner": ["auto", ProtoNet(torch.nn.Flatten(2))]}, cv=3)
    assert search.fit(X, y).best_score_ > 0.8


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_are_read_by_name(library: str) -> None:
    frames = pytest.importorskip(library)
    X, y = load_iris(return_X_y=True)
    names = ["a", "b", "c", "d"]
    frame = frames.DataFrame({name: X[:, index] for index, name in enumerate(names)})
    classifier = FewShotClassifier().fit(frame, frames.Series(y.tolist()))
    assert classifier.feature_names_in_.tolist() == names
    np.testing.assert_allclose(classifier.predict_proba(frame), FewShotClassifier().fit(X, y).predict_proba(X))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learner": "nothing"}, "neither a run folder nor a name"),
        ({"learner": 3}, "a name of trained weights, a run folder or a learner was expected"),
        ({"learner": "gp-general"}, "predicts values, not classes"),
        ({"learner": "omniglot-mann-strings"}, "strings of five letters"),
        ({"num_draws": 0}, "num_draws is 0"),
    ],
)
def test_what_cannot_be_is_refused(digits, options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        FewShotClassifier(**options).fit(digits[0], digits[1])


def test_an_example_without_a_class_is_refused() -> None:
    with pytest.raises(UserError, match="y holds None"):
        FewShotClassifier().fit(np.eye(4), ["a", None, "b", "a"])


def test_images_of_another_shape_and_negative_ones_are_refused(digits) -> None:
    images, y = digits
    classifier = FewShotClassifier("omniglot-cnp").fit(images, y)
    with pytest.raises(UserError, match=r"Images of shape \(9, 8\) came"):
        classifier.predict(np.ones((1, 9, 8)))
    with pytest.raises(UserError, match="before they were standardised"):
        FewShotClassifier().fit(images - 8, y)
    with pytest.raises(UserError, match="no square image"):
        FewShotClassifier("omniglot-cnp").fit(np.ones((2, 7)), [0, 1])


def test_sets_and_none_of_these_come_from_the_calibration_of_the_weights(digits) -> None:
    images, y = digits
    is_known = y < 5
    support = np.concatenate([np.flatnonzero(y == each)[:5] for each in range(5)])
    classifier = FewShotClassifier().fit(images[support], y[support])
    query = np.setdiff1d(np.arange(len(y)), support)
    refused = classifier.is_none_of_these(images[query])
    assert refused.dtype == bool
    assert refused[~is_known[query]].mean() > refused[is_known[query]].mean()
    sets = classifier.predict_set(images[query], coverage=0.95)
    assert sets.shape == (len(query), 5)
    assert (sets.sum(axis=1) >= classifier.predict_set(images[query], coverage=0.8).sum(axis=1)).all()


def test_rows_of_numbers_have_no_sets() -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.raises(UserError, match="no calibration"):
        FewShotClassifier().fit(X, y).predict_set(X)
