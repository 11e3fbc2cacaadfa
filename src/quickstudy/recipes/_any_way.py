"""The training that learners with label slots share: one set of weights for any number of ways and shots."""

from quickstudy.core import Experiment, Learner, UserError
from quickstudy.recipes.sources import (
    INK,
    TEST_LAYOUTS,
    Pool,
    Split,
    omniglot_episodes,
    omniglot_training,
    omniglot_validation,
    training_change,
)
from quickstudy.tasks import Count, Layout, UnevenShots
from quickstudy.tasks.sampling import highest, lowest


def any_way_experiment(
    learner: Learner,
    *,
    max_ways: int,
    split: Split,
    ways: Count,
    shots: Count,
    uneven: bool = False,
    queries: int,
    jitter: bool,
    distortion: float = 0.0,
    final: bool,
    pool: Pool | None,
    generated: float,
    copies: int = 0,
    tasks_per_step: int,
    learning_rate: float,
    frozen_encoder: bool = False,
    steps: int,
) -> Experiment:
    """Train on episodes whose ways and shots change from step to step, on characters in four rotations.

    With `uneven` every class of a step has shots of its own.
    """
    if highest(ways) > max_ways:
        raise UserError(f"ways = {ways} was given, but there are {max_ways} label slots. Give a higher max_ways.")
    drawn = UnevenShots(lowest(shots), highest(shots)) if uneven else shots
    layout = Layout(ways, drawn, queries, jitter=training_change(jitter, distortion))
    most_shots = highest(shots)
    readable = {
        name: test
        for name, test in TEST_LAYOUTS.items()
        if int(test.ways) <= max_ways and int(test.shots) <= most_shots  # type: ignore[arg-type]
    } or {f"{max_ways}-way {most_shots}-shot": Layout(max_ways, most_shots)}
    return Experiment(
        learner=learner,
        train=omniglot_training(split, final, layout, pool, generated, copies),
        validation=omniglot_validation(split, final, Layout(min(max_ways, 20), 1, 5)),
        test={name: omniglot_episodes(split, "test", layout) for name, layout in readable.items()},
        steps=steps,
        tasks_per_step=tasks_per_step,
        learning_rate=learning_rate,
        warmup_steps=200,
        gradient_clip=1.0,
        average_decay=0.999,
        frozen=("encoder",) if frozen_encoder else (),
        validate_every=250,
        validation_tasks=100,
        input_range=INK,
        data="omniglot",
    )
