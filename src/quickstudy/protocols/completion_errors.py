"""Images completed from some of their pixels: squared errors, and what choosing uncertain pixels is worth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickstudy.core import Learner, ShowsImages, UserError
from quickstudy.evaluation import FunctionEvaluation, evaluate_functions
from quickstudy.evaluation.completed_images import Choice, next_pixels
from quickstudy.protocols.measuring import Progress, shown_by
from quickstudy.protocols.weights import Weights

CHOICES: tuple[Choice, ...] = ("largest variance", "random")
"""What decides which pixel is given next."""


@dataclass(frozen=True, kw_only=True)
class CompletionOptions:
    """On how many images to evaluate."""

    images: int = 1000
    """Images of each setting."""
    next_images: int = 200
    """Images whose pixels are given one by one."""
    next_pixels: int = 100
    """Pixels given of each of these."""
    seed: int = 0
    """Decides the images and their pixels: the same for all learners."""
    data_root: Path | None = None
    """Folder with the data sets, if not in $QUICKSTUDY_DATA or the user cache."""


@dataclass(frozen=True)
class CompletionResult:
    """What was measured."""

    by_setting: dict[str, FunctionEvaluation]
    """By the title of the recipe's test, such as "100 random pixels"."""
    errors: dict[str, list[float]]
    """The mean squared error of whole images after 0, 1, 2, … pixels, by what chose the pixels."""

    def setting_records(self) -> dict[str, Any]:
        """The figures of each setting, for JSON."""
        return {
            title: {
                "squared_error": found.squared_error.record(),
                "log_likelihood": found.log_likelihood.record(),
                "coverage90": None if found.coverage90 is None else found.coverage90.record(),
            }
            for title, found in self.by_setting.items()
        }


def measure_completion(
    weights: Weights, images: ShowsImages, options: CompletionOptions, progress: Progress | None = None
) -> CompletionResult:
    """Errors of a learner that completes images.

    Args:
        weights: What to measure.
        images: The images whose pixels are given one by one.
        options: On how many images, and which.
        progress: Called with the setting and the number of images that are done.

    Raises:
        UserError: if the weights predict no pixels, or were trained on pictures of the test.
    """
    if weights.experiment.validate_by != "functions":
        raise UserError(f"'{weights.name}' predicts classes, not pixels. Give weights that complete images.")
    weights.refuse_pictures(options.data_root)
    found = {
        title: evaluate_functions(
            weights.learner, source(options.data_root), options.images, options.seed, shown_by(progress, title)
        )
        for title, source in weights.experiment.test.items()
    }
    return CompletionResult(found, chosen_errors(weights.learner, images, options))


def chosen_errors(learner: Learner, images: ShowsImages, options: CompletionOptions) -> dict[str, list[float]]:
    """The mean squared error of whole images after 0, 1, 2, … pixels, by what chose the pixels.

    Args:
        learner: It predicts pixels.
        images: The images.
        options: How many images and pixels, and the seed.
    """
    return {
        choice: next_pixels(learner, images, choice, options.next_pixels, options.next_images, options.seed)
        .mean(dim=1)
        .tolist()
        for choice in CHOICES
    }
