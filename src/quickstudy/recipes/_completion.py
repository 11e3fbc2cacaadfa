"""The training that the learners of images share: pictures completed from some of their pixels."""

from quickstudy.core import Experiment, Learner, Optimisation, TaskSource
from quickstudy.sources import COMPLETION_LAYOUTS, Contents, ImagesToComplete, Part
from quickstudy.tasks import CompletionLayout, Count, Jitter
from quickstudy.tasks.sampling import highest


def completion_experiment(
    learner: Learner,
    images: ImagesToComplete,
    optimisation: Optimisation,
    *,
    size: int = 28,
    support: Count,
    queries: int | None = None,
    jitter: bool = False,
    contents: Contents | None = None,
) -> Experiment:
    """Train on images of this side; their support is some pixels, as many as the step draws.

    The weights kept are those with the highest likelihood of the other pixels at a support of 100.
    """
    layout = CompletionLayout(support, queries, jitter=Jitter() if jitter else None)

    def source(part: Part, layout: CompletionLayout) -> TaskSource:
        return lambda data_root: images(data_root, part).with_layout(layout)

    tests = {title: test for title, test in COMPLETION_LAYOUTS.items() if highest(test.support) < size**2}
    return Experiment(
        learner=learner,
        train=source("train", layout),
        validation=source("validation", CompletionLayout(min(100, size**2 // 2))),
        test={title: source("test", test) for title, test in tests.items()},
        contents=contents,
        optimisation=optimisation,
        validate_every=500,
        validation_tasks=200,
        validate_by="functions",
    )
