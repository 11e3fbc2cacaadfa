"""Names of classes as examples: for encoders that give features of images and of text in one space, such as CLIP.

Letters: S examples, N named classes, D features.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from quickstudy.core import UserError

ClassNames = Mapping[Any, Any] | Callable[[list[Any]], Any] | None
"""Features by class, or what turns a list of classes into features (N, D)."""


def with_names(
    x: np.ndarray, y: np.ndarray, names: ClassNames, count: int, classes: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The examples and, for each class, the features of its name so many times.

    Names are moved together such that the middle of the classes with examples stays where it is: features of text lie
    apart from those of images, even where both agree on what differs between classes.

    Args:
        x: Features (S, D) of the examples.
        y: Their classes (S,).
        names: Features of the classes; a mapping may have classes without examples.
        count: As how many examples a name counts.
        classes: The classes to name; None names those of the examples, and of a mapping all.

    Raises:
        UserError: if a class has no features, or they do not have the size of the examples.
    """
    if names is None or count == 0:
        return x, y
    if type(count) is not int or count < 0:
        raise UserError(f"name_weight is {count!r}, but a whole number from 0 was expected.")
    seen = np.unique(y)
    classes, named = _features(names, seen, classes)
    if x.ndim != 2 or named.shape != (len(classes), x.shape[1]):
        raise UserError(
            f"The names of {len(classes)} classes have features {named.shape}, but ({len(classes)}, "
            f"{x.shape[-1]}) were expected, as of the examples. Use one encoder for both."
        )
    middle = np.mean([x[y == each].mean(axis=0) for each in seen], axis=0)
    has_examples = np.isin(classes, seen)
    length = np.linalg.norm(x, axis=1).mean() / max(float(np.linalg.norm(named, axis=1).mean()), 1e-12)
    placed = length * (named - named[has_examples].mean(axis=0)) + middle
    return np.concatenate([x, placed.repeat(count, axis=0)]), np.concatenate([y, classes.repeat(count)])


def _features(
    names: Mapping[Any, Any] | Callable[[list[Any]], Any], seen: np.ndarray, classes: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    wanted = seen if classes is None else classes
    if (is_new := ~np.isin(seen, wanted)).any():
        raise UserError(f"The class {seen[is_new][0]} is new. Name all classes in the first call of partial_fit.")
    if callable(names):
        return wanted, np.asarray(names(wanted.tolist()), dtype=np.float64)
    if missing := [each for each in wanted.tolist() if each not in names]:
        raise UserError(f"class_names has no features of the class {missing[0]!r}. Give those of every class.")
    if classes is None:
        classes = np.unique(np.array(list(names)))
    return classes, np.array([names[each] for each in classes.tolist()], dtype=np.float64)
