"""A scikit-learn classifier that learns a task by reading its examples."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from quickstudy.core import OnlineLearner, UserError
from quickstudy.estimators.adapted import AdaptedClassifier
from quickstudy.estimators.chosen import DRAWINGS, FEATURES, TABLES, Chosen, choose, is_of_values
from quickstudy.estimators.class_names import with_names
from quickstudy.estimators.drawing_reader import DrawingReader, as_images
from quickstudy.estimators.encoders import as_encoder


def _can_go_on(estimator: "FewShotClassifier") -> bool:
    """Whether the learner can go on learning. scikit-learn hides `partial_fit` where it cannot."""
    return estimator.learner != "auto" and isinstance(choose(estimator.learner).learner, OnlineLearner)


class FewShotClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Names the classes of images or of rows of numbers, after reading a few examples of each class.

    `fit` adapts a trained learner to the examples, without training. Any number of classes and examples is accepted: if
    a learner was made for fewer, the task is cut into groups of classes and sub-samples, whose predictions are joined.

    Args:
        learner: A name of trained weights, a run folder, or a learner. "auto" takes weights of drawings for images,
            the kernel transformer for rows of numbers, and class means of directions for an encoder.
        num_draws: Over how many rounds a prediction is averaged. A round has its own label slots and sub-sample of the
            examples, and moves drawings a little. More rounds cost more and are more accurate.
        encoder: What turns inputs into features first: "photos" for photographs, "text" for texts, a module that reads
            images (n, 3, H, W), or any function that gives features (n, D). The inputs may then be anything that it
            reads. None reads inputs as they are.
        class_names: For an encoder that reads images and text into one space, such as CLIP: features of the names of
            the classes, as a mapping from class to features or a function of a list of classes. They are a prior for
            what the examples say. A class of the mapping needs no example. The first call of `partial_fit` reads the
            names of `classes`, placed around its examples. None takes no names.
        name_weight: As how many examples a name counts.
        image_shape: Rows and columns (and channels) of an image, if each row of the input is a flat image. None treats
            rows as numbers, unless the learner reads drawings.
        random_state: Decides the rounds: a number, a `numpy.random.RandomState`, or None for another draw each time.

    Attributes:
        classes_: The classes, sorted.
        n_features_in_: Numbers of a row, if the input has rows.
        learner_name_: The learner that was taken.
    """

    def __init__(
        self,
        learner: Any = "auto",
        *,
        num_draws: int = 1,
        encoder: Any = None,
        class_names: Any = None,
        name_weight: int = 1,
        image_shape: tuple[int, ...] | None = None,
        random_state: Any = 0,
    ) -> None:
        self.learner = learner
        self.num_draws = num_draws
        self.encoder = encoder
        self.class_names = class_names
        self.name_weight = name_weight
        self.image_shape = image_shape
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Read the examples.

        Args:
            X: Images (n, H, W) or (n, H, W, channels), or rows (n, features): an array or a data frame.
            y: The class of each example: numbers or strings.

        Raises:
            UserError: if the examples cannot be read.
        """
        X = self._encoded(X)
        X, y = validate_data(self, X, y, **_kind(X))
        X, y = with_names(X, y, self.class_names, self.name_weight)
        labels = self._begin(X, y, None)
        self._adapted_.adapt(self._read(X), labels)
        return self

    @available_if(_can_go_on)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Go on learning from more examples. Only online learners can, such as "omniglot-mann" and "omniglot-snail".

        Args:
            X: Images or rows, as in `fit`.
            y: The class of each example.
            classes: All classes that will ever come. The first call needs them.

        Raises:
            UserError: if the classes are unknown, or the examples cannot be read.
        """
        is_first = not hasattr(self, "_adapted_")
        X = self._encoded(X)
        X, y = validate_data(self, X, y, **_kind(X), reset=is_first)
        if is_first:
            if classes is None:
                raise UserError("The first call of partial_fit needs classes=, all classes that will ever come.")
            classes = np.unique(classes)
            X, y = with_names(X, y, self.class_names, self.name_weight, classes)
            self._begin(X, y, classes)
        self._adapted_.extend(self._read(X), self._labels(y))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class: (n, classes), in the order of `classes_`. Calibrated where the weights are.

        Args:
            X: Images or rows, as in `fit`.

        Raises:
            UserError: if they do not have the shape of the examples.
        """
        queries = self._queries(X)
        return self._adapted_.probabilities(queries)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each query.

        Args:
            X: Images or rows, as in `fit`.

        Raises:
            UserError: if they do not have the shape of the examples.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_set(self, X: Any, coverage: float = 0.9) -> np.ndarray:
        """The classes that each query may have: (n, classes) booleans, in the order of `classes_`.

        The true class is in the set with the probability `coverage`, on average over tasks such as those that the
        weights were calibrated on (split conformal prediction). A set may be empty: the query is unlike all classes.

        Args:
            X: Images or rows, as in `fit`.
            coverage: The share of queries whose set holds the true class: 0.8, 0.9 or 0.95.

        Raises:
            UserError: if the weights have no calibration, or none for this coverage.
        """
        return self._adapted_.sets(self.predict_proba(X), coverage)

    def is_none_of_these(self, X: Any) -> np.ndarray:
        """Whether each query is of none of `classes_`: (n,) booleans.

        On the tasks of the calibration this was wrong as often for queries of the task's classes as for others;
        `quickstudy card NAME` says how often.

        Args:
            X: Images or rows, as in `fit`.

        Raises:
            UserError: if the weights have no calibration.
        """
        queries = self._queries(X)
        return ~self._adapted_.is_known(queries)

    def _queries(self, X: Any) -> np.ndarray:
        """Inputs as the learner reads them."""
        check_is_fitted(self, "_adapted_")
        X = self._encoded(X)
        return self._read(validate_data(self, X, **_kind(X), reset=False))

    def _encoded(self, X: Any) -> Any:
        return X if self.encoder is None else as_encoder(self.encoder)(X)

    def _begin(self, X: np.ndarray, y: np.ndarray, classes: np.ndarray | None) -> np.ndarray:
        """Choose the learner and what it reads; return the labels."""
        if any(label is None for label in y):
            raise UserError("y holds None, but a class for each example was expected. Leave out examples without one.")
        check_classification_targets(y)
        if self.num_draws < 1:
            raise UserError(f"num_draws is {self.num_draws}, but a whole number from 1 was expected.")
        chosen = self._choose(X)
        self.learner_name_ = chosen.name
        self.classes_ = np.unique(y) if classes is None else classes
        self._reader_ = self._new_reader(chosen, X)
        # As given, a generator would move on with each call of fit.
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._adapted_ = AdaptedClassifier(chosen, len(self.classes_), self.num_draws, seed)
        return self._labels(y)

    def _choose(self, X: np.ndarray) -> Chosen:
        is_images = X.ndim > 2 or self.image_shape is not None
        automatic = isinstance(self.learner, str) and self.learner == "auto"
        default = DRAWINGS if is_images else TABLES if self.encoder is None else FEATURES
        chosen = choose(default if automatic else self.learner)
        if is_of_values(chosen.learner):
            raise UserError(
                f"'{chosen.name}' predicts values, not classes. Use FewShotRegressor, or choose another learner."
            )
        return chosen

    def _new_reader(self, chosen: Chosen, X: np.ndarray) -> DrawingReader | None:
        if not chosen.reads_drawings:
            return None
        return DrawingReader.of(as_images(X, self.image_shape), chosen.size)

    def _read(self, X: np.ndarray) -> np.ndarray:
        if self._reader_ is not None:
            return self._reader_.read(as_images(X, self.image_shape))
        rows = np.asarray(X, dtype=np.float64)
        # In single precision squares of larger numbers would be infinite.
        return rows.astype(np.float32) if abs(rows).max(initial=0) < 1e15 else rows

    def _labels(self, y: np.ndarray) -> np.ndarray:
        places = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        if (unknown := self.classes_[places] != y).any():
            raise UserError(f"The class {y[unknown][0]} is new. Name all classes in the first call of partial_fit.")
        return places.astype(np.int64)


def _kind(X: Any) -> dict[str, Any]:
    """How scikit-learn checks images, which have more than two dimensions, and rows."""
    is_images = (X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim) > 2
    return {"dtype": "numeric", "allow_nd": is_images, "ensure_2d": not is_images}
