"""The options of a training act as they are named: each by the exact weights that one parameter ends with."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.distributions import Independent, Normal

from quickstudy.core import Experiment, Header, Learner, Optimisation, Tasks, load_checkpoint
from quickstudy.tasks import GaussianProcesses, PointLayout
from quickstudy.training import NonFiniteLossError, Run, train

FIRST = (1.0, -2.0)
GRADIENT = (3.0, 4.0)


class Nothing(NamedTuple):
    support_y: Tensor


class Slope(Learner):
    """A loss with the same gradient everywhere, and notes of its weights before every step."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(FIRST))
        self.passed: list[Tensor] = []

    def meta_loss(self, tasks: Any) -> Tensor:
        self.passed.append(self.weight.detach().clone())
        return (self.weight * torch.tensor(GRADIENT)).sum()

    def adapt(self, support_x: Tensor, support_y: Tensor) -> Nothing:
        return Nothing(support_y)

    def predict(self, state: Nothing, query_x: Tensor) -> Independent:
        return Independent(Normal(query_x * self.weight[0], torch.ones(())), 1)

    def __deepcopy__(self, memo: dict) -> "Slope":
        copied = Slope()
        copied.load_state_dict(self.state_dict())
        return copied


class Noisy(Slope):
    """A loss that draws from the global random state, as that of learners with label slots does."""

    def meta_loss(self, tasks: Any) -> Tensor:
        return super().meta_loss(tasks) + (self.weight * torch.rand(2)).sum()


class Recorded(GaussianProcesses):
    """Curves, and notes of how many were asked for, of which seed."""

    def __init__(self) -> None:
        super().__init__(PointLayout(3, 4))
        self.asked: list[tuple[int, int]] = []

    def to(self, device: Any) -> "Recorded":
        return self

    def sample(self, num_tasks: int, generator: torch.Generator) -> Tasks:
        self.asked.append((num_tasks, generator.initial_seed()))
        return super().sample(num_tasks, generator)


def _experiment(learner: Learner | None = None, **options: Any) -> Experiment:
    settings = {"steps": 1, "tasks_per_step": 2, "optimiser": "sgd", "learning_rate": 1.0, **options}
    schedule = Optimisation(**{key: settings.pop(key) for key in Optimisation.__dataclass_fields__ & settings.keys()})
    return Experiment(
        learner=learner or Slope(),
        train=lambda root: Recorded(),
        validation=lambda root: GaussianProcesses(PointLayout(3, 4)),
        test={},
        optimisation=schedule,
        validation_tasks=2,
        validate_every=10**6,
        validate_by="functions",
        **settings,
    )


def _train(folder: Path, experiment: Experiment, fabric: Fabric | None = None, **options: Any) -> None:
    folder.mkdir(exist_ok=True)
    fabric = fabric or Fabric(accelerator="cpu", devices=1)
    train(experiment, Run(folder=folder, header=Header(recipe="none"), **options), fabric)


def _ended(folder: Path, name: str = "learner.weight") -> Tensor:
    return load_checkpoint(folder / "last.safetensors")[0][name]


def _near(values: Any) -> Any:
    return pytest.approx(values, rel=1e-5, abs=1e-6)


def test_a_step_goes_against_the_gradient_by_the_learning_rate(tmp_path: Path) -> None:
    _train(tmp_path, _experiment(learning_rate=0.1))
    assert _ended(tmp_path).tolist() == _near([1.0 - 0.3, -2.0 - 0.4])


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "rmsprop"])
def test_weight_decay_takes_its_share_of_every_weight(tmp_path: Path, optimiser: str) -> None:
    ends = []
    for decay in (0.0, 0.5):
        folder = tmp_path / str(decay)
        _train(folder, _experiment(optimiser=optimiser, learning_rate=0.1, weight_decay=decay))
        ends.append(_ended(folder))
    if optimiser == "rmsprop":  # Decay is part of the gradient there, whose size does not matter at first.
        expected = torch.tensor(FIRST) - 0.1 / 0.05**0.5 * torch.ones(2)
        assert ends[0].tolist() == _near(expected.tolist())
        _train(tmp_path / "much", _experiment(optimiser=optimiser, learning_rate=0.1, weight_decay=9.0))
        assert _ended(tmp_path / "much")[1] > -2.0, "a decay above the gradient turns the step round"
    else:
        assert (ends[0] - ends[1]).tolist() == _near([0.1 * 0.5 * weight for weight in FIRST])


def test_a_gradient_longer_than_the_clip_is_made_as_long(tmp_path: Path) -> None:
    _train(tmp_path / "long", _experiment(gradient_clip=0.5))
    assert _ended(tmp_path / "long").tolist() == _near([1.0 - 0.3, -2.0 - 0.4])
    _train(tmp_path / "short", _experiment(gradient_clip=50.0))
    assert _ended(tmp_path / "short").tolist() == _near([1.0 - 3.0, -2.0 - 4.0])


def test_the_rate_rises_over_the_warm_up_and_falls_along_a_cosine(tmp_path: Path) -> None:
    learner = Slope()
    _train(tmp_path, _experiment(learner, steps=10, warmup_steps=4, learning_rate=2.0))
    weights = torch.stack([*learner.passed, _ended(tmp_path)])[:, 0]
    rates = [2.0 * min(1.0, (step + 1) / 4) * 0.5 * (1 + math.cos(math.pi * step / 10)) for step in range(10)]
    assert ((weights[:-1] - weights[1:]) / 3.0).tolist() == pytest.approx(rates, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999])
def test_the_average_remembers_as_its_decay_says_but_not_the_beginning(tmp_path: Path, decay: float) -> None:
    learner = Slope()
    _train(tmp_path, _experiment(learner, steps=40, average_decay=decay))
    after = [*learner.passed[1:], _ended(tmp_path)]
    average = after[0]
    for count, weight in enumerate(after[1:], start=1):
        # At first a short memory, which grows with what there is to remember.
        kept = min(decay, (1 + count) / (10 + count))
        average = kept * average + (1 - kept) * weight
    assert _ended(tmp_path, "average.module.weight").tolist() == pytest.approx(average.tolist(), rel=1e-4)
    best = load_checkpoint(tmp_path / "best.safetensors")[0]["weight"]
    assert torch.equal(best, _ended(tmp_path, "average.module.weight"))


def test_a_longer_memory_stays_further_behind(tmp_path: Path) -> None:
    behind = []
    for decay in (0.1, 0.5, 0.8):
        folder = tmp_path / str(decay)
        _train(folder, _experiment(steps=40, average_decay=decay))
        behind.append(float((_ended(folder, "average.module.weight") - _ended(folder)).norm()))
    assert behind == sorted(behind)
    assert behind[0] < 0.5 * behind[-1]


def test_without_a_decay_nothing_is_averaged(tmp_path: Path) -> None:
    _train(tmp_path, _experiment(steps=3))
    assert not [name for name in load_checkpoint(tmp_path / "last.safetensors")[0] if name.startswith("average")]


class _PulledPlug(Exception):
    pass


@pytest.mark.parametrize("stopped_at", [1, 4, 7])
def test_resumed_a_learner_that_draws_at_random_goes_on_as_if_never_stopped(
    tmp_path: Path, stopped_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PullsThePlug(Noisy):
        def meta_loss(self, tasks: Any) -> Tensor:
            if len(self.passed) == stopped_at:
                raise _PulledPlug
            return super().meta_loss(tasks)

    torch.manual_seed(1)
    _train(tmp_path / "whole", _experiment(Noisy(), steps=8))
    monkeypatch.setattr("quickstudy.training.loop._SECONDS_BETWEEN_SAVES", -1.0)
    torch.manual_seed(1)
    with pytest.raises(_PulledPlug):
        _train(tmp_path / "parts", _experiment(PullsThePlug(), steps=8))
    torch.manual_seed(2)  # Whatever state another process happens to be in.
    _train(tmp_path / "parts", _experiment(Noisy(), steps=8), resume=True)
    assert torch.equal(_ended(tmp_path / "whole"), _ended(tmp_path / "parts"))


class OneOf(Fabric):
    """A process that takes itself for one of several, without there being others."""

    def __init__(self, rank: int, world_size: int) -> None:
        super().__init__(accelerator="cpu", devices=1)
        self._rank, self._size = rank, world_size

    @property
    def world_size(self) -> int:
        return self._size

    @property
    def global_rank(self) -> int:
        return self._rank

    @property
    def is_global_zero(self) -> bool:
        return self._rank == 0

    def all_reduce(self, data: Any, *_args: Any, **_options: Any) -> Any:
        return data

    def broadcast(self, obj: Any, src: int = 0) -> Any:
        return obj

    def barrier(self, name: str | None = None) -> None:
        pass


def _asked(folder: Path, fabric: Fabric, seed: int = 0) -> list[tuple[int, int]]:
    tasks = Recorded()
    _train(folder, replace(_experiment(steps=3, tasks_per_step=6), train=lambda root: tasks), fabric, seed=seed)
    return tasks.asked


def test_processes_share_a_step_and_each_draws_tasks_of_its_own(tmp_path: Path) -> None:
    alone = _asked(tmp_path / "alone", Fabric(accelerator="cpu", devices=1))
    first, second = (_asked(tmp_path / str(rank), OneOf(rank, 2)) for rank in (0, 1))
    assert [count for count, _ in alone] == [6, 6, 6]
    assert [count for count, _ in first] == [count for count, _ in second] == [3, 3, 3]
    assert len({seed for _, seed in first + second}) == 6
    assert (tmp_path / "0/last.safetensors").exists()
    assert not list((tmp_path / "1").iterdir()), "the first process alone writes"


class Told(OneOf):
    """The second of two processes, whose first one has something to say of its validations."""

    def broadcast(self, obj: Any, src: int = 0) -> Any:
        return "The last 3 validations gave no finite numbers." if obj is None else obj


def test_a_process_that_never_looks_ends_with_the_words_of_the_one_that_does(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match="The last 3 validations gave no finite numbers"):
        _train(tmp_path, _experiment(steps=3), Told(1, 2))
    assert not list(tmp_path.iterdir())


def test_the_seed_decides_which_tasks_are_drawn(tmp_path: Path) -> None:
    fabric = Fabric(accelerator="cpu", devices=1)
    one, again, other = (_asked(tmp_path / name, fabric, seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert one == again
    assert not {seed for _, seed in one} & {seed for _, seed in other}
