"""Learners trained on a user's own series: CSV files, divided by series."""

from dataclasses import dataclass

from quickstudy.baselines.mean_curve import MeanCurve
from quickstudy.core import Experiment, Learner, Optimisation, UserError
from quickstudy.datasets.series_files import Columns
from quickstudy.learners import CNP, AttentiveCNP
from quickstudy.recipes._functions import function_optimisation
from quickstudy.sources.own_series import OwnSeries
from quickstudy.tasks import Count, Mixture
from quickstudy.tasks.series import SeriesLayout, refuse_layout


@dataclass(frozen=True, kw_only=True)
class SeriesFiles:
    """A user's own series: where they are, how they are read, and which points are given."""

    folder: str = ""
    """Folder of CSV files, one series each, or one CSV file with a column that names the series."""
    series_column: str = ""
    """In one CSV file, the column that names the series; the first one if it is not given."""
    place_column: str = ""
    """The column of places, if there are further columns."""
    value_column: str = ""
    """The column of values, if there are further columns."""
    split_seed: int = 0
    """Decides which series are for training (about 60 %), validation (20 %) and test (20 %)."""
    skip_unusable: bool = False
    """Leave out files that cannot be read and series with one point, and name them."""
    support: Count = (1, 30)
    """Given points: one number, or a range to draw from in each step, as far as half of the series have points."""
    queries: int = 20
    """Points to predict in a training task."""
    forecasts: float = 0.5
    """Share of the training steps whose given points are the beginning of a series, from 0 to below 1."""
    jitter: float = 0.1
    """Shift and stretch the values of each training task at random by about this share of their deviation."""

    def __post_init__(self) -> None:
        """Refuse numbers that no series can have, and a training without points anywhere."""
        refuse_layout(SeriesLayout(self.support, self.queries, jitter=self.jitter))
        if not 0 <= self.forecasts < 1:
            raise UserError(f"forecasts = {self.forecasts} was given, but a share from 0 to below 1 was expected.")

    @property
    def own(self) -> OwnSeries:
        """The series."""
        columns = Columns(self.series_column, self.place_column, self.value_column)
        return OwnSeries(self.folder, columns, self.split_seed, self.skip_unusable)


def series_cnp(
    *,
    hidden: int = 128,
    floor: float = 0.1,
    series: SeriesFiles = SeriesFiles(),
    optimisation: Optimisation = function_optimisation(steps=1_500, tasks_per_step=32, learning_rate=3e-4),
) -> Experiment:
    """CNP on your own series: it completes and forecasts new ones of the same kind.

    Args:
        hidden: Width of all layers.
        floor: Smallest standard deviation of a prediction, in deviations of the training values.
        series: Your series.
        optimisation: Optimiser and schedule.
    """
    learner = CNP(hidden=hidden, floor=floor, has_units=True)
    return _series_experiment(learner, series, optimisation, starts_from="gp-cnp")


def series_attentive_cnp(
    *,
    channels: int = 64,
    heads: int = 4,
    self_attention: int = 1,
    floor: float = 0.1,
    series: SeriesFiles = SeriesFiles(),
    optimisation: Optimisation = function_optimisation(steps=1_500, tasks_per_step=32, learning_rate=1e-3),
) -> Experiment:
    """Attentive CNP on your own series: each prediction reads the given points that matter to it.

    Args:
        channels: Width of all layers.
        heads: Heads of each attention.
        self_attention: Layers in which the given points read each other.
        floor: Smallest standard deviation of a prediction, in deviations of the training values.
        series: Your series.
        optimisation: Optimiser and schedule.
    """
    learner = AttentiveCNP(
        channels=channels, num_heads=heads, self_attention=self_attention, floor=floor, has_units=True
    )
    return _series_experiment(learner, series, optimisation)


def _series_experiment(
    learner: CNP | AttentiveCNP, series: SeriesFiles, optimisation: Optimisation, starts_from: str | None = None
) -> Experiment:
    """Train on series: predict further points, and the given ones. The weights kept have the highest likelihood of
    further points of the validation series.
    """
    assert learner.units is not None
    own, further = series.own, SeriesLayout(series.support, series.queries)
    trained = further._replace(predicts_support=True, jitter=series.jitter)
    orders = {"random": 1 - series.forecasts, "first": series.forecasts}
    kinds = {order: share for order, share in orders.items() if share > 0}

    def mean_curve(_: object) -> Learner:
        return MeanCurve(*own.training_points())

    return Experiment(
        learner=learner,
        train=lambda root: Mixture(
            [own.tasks("train", trained._replace(order=order))(root) for order in kinds],  # type: ignore[arg-type]
            list(kinds.values()),
        ),
        validation=own.tasks("validation", further),
        test={
            "points anywhere": own.tasks("test", further),
            "forecast": own.tasks("test", further._replace(order="first")),
        },
        contents=own.contents,
        before_training=own.measured_by(learner.units.measure),
        compared_with={"mean curve": mean_curve, "gp-general": "gp-general"},
        optimisation=optimisation,
        validate_every=100,
        validation_tasks=100,
        validate_by="functions",
        starts_from=starts_from,
    )
