import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.distributions import Distribution, Independent, Normal

from quickstudy.core import (
    Experiment,
    Header,
    Learner,
    Optimisation,
    UserError,
    categorical,
    header_of,
    load_checkpoint,
    load_trained,
    read_header,
)
from quickstudy.datasets import glyphs
from quickstudy.learners import LSTM, MANN, CNPClassifier, ProtoNet
from quickstudy.networks import Conv4
from quickstudy.tasks import (
    Episodes,
    GaussianProcesses,
    GeneratedEpisodes,
    InstanceSequences,
    Layout,
    PointLayout,
    SequenceLayout,
)
from quickstudy.training import NonFiniteLossError, Progress, Run, train
from quickstudy.training.run import PREVIOUS, load_end
from quickstudy.training.validation import INSTANCE_NAMES


def _experiment(learner: Learner | None = None, **options) -> Experiment:
    layout = Layout(ways=5, shots=1, queries=2)
    torch.manual_seed(0)
    settings = {"steps": 12, "tasks_per_step": 2, "validate_every": 5, "validation_tasks": 10, **options}
    schedule = Optimisation(**{key: settings.pop(key) for key in Optimisation.__dataclass_fields__ & settings.keys()})
    return Experiment(
        learner=learner or ProtoNet(Conv4(channels=8)),
        train=lambda root: GeneratedEpisodes(glyphs.sample, layout),
        validation=lambda root: Episodes(glyphs.load(20, 8), layout),
        test={},
        optimisation=schedule,
        **settings,
    )


def _train(folder: Path, experiment: Experiment, **options):
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    return train(
        experiment, Run(folder=folder, header=Header(recipe="none"), **options), Fabric(accelerator="cpu", devices=1)
    )


def _weights(path: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(path)[0]


def _assert_same(one: Path, other: Path) -> None:
    first, second = _weights(one), _weights(other)
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_it_learns_in_a_few_hundred_steps(tmp_path: Path) -> None:
    position = _train(tmp_path / "run", _experiment(steps=200, validate_every=200, validation_tasks=100))
    assert position.step == 200
    assert position.best_score > 0.35  # Chance is 0.2.


def test_staged_tasks_are_drawn_by_how_much_of_the_training_is_over(tmp_path: Path) -> None:
    fractions = []

    class Staged(GeneratedEpisodes):
        def at(self, fraction: float) -> GeneratedEpisodes:
            fractions.append(fraction)
            return self

        def to(self, device: torch.device | str) -> GeneratedEpisodes:
            return self

    tasks = Staged(glyphs.sample, Layout(ways=5, shots=1, queries=2))
    _train(tmp_path / "run", replace(_experiment(steps=4), train=lambda root: tasks))
    assert fractions == [0, 0.25, 0.5, 0.75]


def test_the_same_seed_ends_with_the_same_weights_and_another_does_not(tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        _train(tmp_path / name, _experiment(), seed=seed)
    _assert_same(tmp_path / "one/last.safetensors", tmp_path / "again/last.safetensors")
    with pytest.raises(AssertionError):
        _assert_same(tmp_path / "one/last.safetensors", tmp_path / "other/last.safetensors")


@pytest.mark.parametrize(
    "setting", [{}, {"average_decay": 0.9}, {"optimiser": "rmsprop"}, {"optimiser": "sgd"}], ids=str
)
def test_stopped_anywhere_and_resumed_it_ends_with_the_same_weights(
    tmp_path: Path, setting: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"gradient_clip": 1.0, "warmup_steps": 3, **setting}
    _train(tmp_path / "whole", _experiment(**settings))
    monkeypatch.setattr("quickstudy.training.loop._SECONDS_BETWEEN_SAVES", 0.0)
    with pytest.raises(_PulledPlug):
        _train(tmp_path / "parts", _experiment(_PullsThePlug(at=8), **settings))
    _train(tmp_path / "parts", _experiment(**settings), resume=True)
    _assert_same(tmp_path / "whole/last.safetensors", tmp_path / "parts/last.safetensors")
    _assert_same(tmp_path / "whole/best.safetensors", tmp_path / "parts/best.safetensors")
    rows = [[(row["step"], row["loss"]) for row in _rows(tmp_path / name)] for name in ("whole", "parts")]
    assert rows[0] == rows[1]


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


class _PulledPlug(Exception):
    pass


class _PullsThePlug(ProtoNet):
    """The same network, until the loss is asked for once too often."""

    def __init__(self, at: int) -> None:
        torch.manual_seed(0)
        super().__init__(Conv4(channels=8))
        self.left = at

    def meta_loss(self, tasks):
        if self.left == 0:
            raise _PulledPlug
        self.left -= 1
        return super().meta_loss(tasks)


class _Diverges(ProtoNet):
    def __init__(self, at: int) -> None:
        super().__init__(Conv4(channels=8))
        self.left = at

    def meta_loss(self, tasks):
        self.left -= 1
        return super().meta_loss(tasks) * (1.0 if self.left >= 0 else math.nan)


def test_a_loss_that_is_no_number_stops_with_the_step_and_keeps_the_last_good_weights(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match=r"nan at step 8.*is of step 5, and .*best.* of step 5, the best"):
        _train(tmp_path, _experiment(_Diverges(at=7)))
    tensors, header = load_checkpoint(tmp_path / "last.safetensors")
    assert header["position"]["step"] == 5
    assert all(value.isfinite().all() for name, value in tensors.items() if name.startswith("learner."))
    assert header_of(tmp_path / "best.safetensors").step == 5


def test_a_first_loss_that_is_no_number_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match=r"nan at step 1\. Nothing was saved before"):
        _train(tmp_path, _experiment(_Diverges(at=0)))
    assert list(tmp_path.iterdir()) == []


class _BlindFrom(ProtoNet):
    """Called for the `first`-th time in eval mode, and later, it has no answer; its training loss stays a number."""

    def __init__(self, first: int, until: int = 10**9) -> None:
        torch.manual_seed(0)
        super().__init__(Conv4(channels=8))
        self.first, self.until, self.calls = first, until, 0

    def predict(self, state, query_x):
        said = super().predict(state, query_x)
        if self.training:
            return said
        self.calls += 1
        has_failed = self.first <= self.calls < self.until
        return categorical(torch.full_like(said.logits, math.nan)) if has_failed else said


def _run_blind(folder: Path, learner: Learner, **options) -> list[Progress]:
    shown: list[Progress] = []
    _train(folder, _experiment(learner, validate_every=2, **options), show=shown.append)
    return shown


def test_a_validation_that_is_no_number_is_skipped_and_said_and_never_the_best(tmp_path: Path) -> None:
    shown = _run_blind(tmp_path, _BlindFrom(2, until=3))
    assert [each.warning for each in shown if each.warning] == [
        "step 4: validation gave negative log-likelihood nan and is skipped"
    ]
    rows = {row["step"]: row["accuracy"] for row in _rows(tmp_path)}
    assert rows["4"] == ""
    assert all(accuracy for step, accuracy in rows.items() if step != "4")
    assert header_of(tmp_path / "best.safetensors").step != 4
    assert read_header(tmp_path / "last.safetensors")["position"]["failed_validations"] == 0


def test_looks_that_stay_no_numbers_stop_the_training_with_weights_left_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError) as stopped:
        _run_blind(tmp_path, _BlindFrom(2))
    message = str(stopped.value)
    assert "The last 3 validations gave no finite numbers, up to step 8" in message
    assert f"last.safetensors is of step 8, and {tmp_path / 'best.safetensors'} of step 2, the best" in message
    assert f"Train anew with a learning rate below 0.001, from those weights by --start-from {tmp_path}" in message
    assert header_of(tmp_path / "best.safetensors").step == 2
    # It can be gone on with, and says the same if nothing has changed.
    _train(tmp_path, _experiment(validate_every=2), resume=True)
    assert read_header(tmp_path / "last.safetensors")["position"]["step"] == 12


def test_a_training_without_one_look_that_was_a_number_says_so_and_leaves_its_weights(tmp_path: Path) -> None:
    with pytest.raises(
        NonFiniteLossError, match=r"last\.safetensors is of step 4\. Resumed, it would come to the same"
    ):
        _run_blind(tmp_path, _BlindFrom(1), steps=4)
    weights, header = load_end(tmp_path)
    assert header.step == 4
    assert all(value.isfinite().all() for value in weights.values())
    assert not (tmp_path / "best.safetensors").exists()


class _SpoilsItself(ProtoNet):
    """A gradient that is no number spoils the weights, and the loss before it does not tell."""

    def __init__(self, at: int) -> None:
        super().__init__(Conv4(channels=8))
        self.left = at

    def meta_loss(self, tasks):
        self.left -= 1
        loss = super().meta_loss(tasks)
        if self.left == 0:
            loss.register_hook(lambda gradient: gradient * math.nan)
        return loss


@pytest.mark.parametrize("at", [7, 10])
def test_weights_that_are_no_numbers_are_never_saved(tmp_path: Path, at: int) -> None:
    with pytest.raises(NonFiniteLossError, match="is of step 5"):
        _train(tmp_path, _experiment(_SpoilsItself(at)))
    assert all(value.isfinite().all() for value in _weights(tmp_path / "last.safetensors").values())
    assert header_of(tmp_path / "best.safetensors").step == 5


class _Throws(ProtoNet):
    """Part of its loss is thrown from the global random state, as are the slots that labels go to."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(Conv4(channels=8))

    def meta_loss(self, tasks):
        return super().meta_loss(tasks) * (1 + torch.rand(()))


def test_a_resumed_training_throws_the_dice_that_it_would_have_thrown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _train(tmp_path / "whole", _experiment(_Throws()))
    assert len(_rows(tmp_path / "whole")) == 3
    monkeypatch.setattr("quickstudy.training.loop._SECONDS_BETWEEN_SAVES", 0.0)
    with pytest.raises(_PulledPlug):
        _train(tmp_path / "parts", _experiment(_Throws()), show=_pull_at(10))
    torch.rand(100)
    _train(tmp_path / "parts", _experiment(_Throws()), resume=True)
    _assert_same(tmp_path / "whole/last.safetensors", tmp_path / "parts/last.safetensors")
    rows = [[(row["step"], row["loss"]) for row in _rows(tmp_path / name)] for name in ("whole", "parts")]
    assert rows[0] == rows[1]


def _pull_at(step: int):
    def pull(now: Progress) -> None:
        if now.step == step:
            raise _PulledPlug

    return pull


def test_a_resumed_training_whose_best_weights_are_lost_keeps_the_best_to_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quickstudy.training.loop._SECONDS_BETWEEN_SAVES", 0.0)
    with pytest.raises(_PulledPlug):
        _train(tmp_path, _experiment(_PullsThePlug(at=8)))
    (tmp_path / "best.safetensors").unlink()
    _train(tmp_path, _experiment(), resume=True)
    assert header_of(tmp_path / "best.safetensors").step > 8


def test_what_a_kill_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    for name in (".last.safetensors.abcd1234", ".best.safetensors.x_y_z_12", ".mine"):
        (tmp_path / name).touch()
    _train(tmp_path, _experiment(steps=1))
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"last.safetensors", "last.previous.safetensors", "best.safetensors", "metrics.csv", ".mine"}


class _Counts(Episodes):
    """Notes how many tasks were asked for at a time."""

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self.counts: list[int] = []

    def to(self, device):
        return self

    def sample(self, num_tasks, generator):
        self.counts.append(num_tasks)
        return super().sample(num_tasks, generator)


class _OneOf(Fabric):
    """As the first of several processes sees it; the others agree to everything."""

    world_size = 3

    def all_reduce(self, value, *arguments, **options):
        return value

    def broadcast(self, value, src=0):
        return value


def test_processes_share_the_tasks_of_a_step(tmp_path: Path) -> None:
    tasks = _Counts(glyphs.load(20, 8), Layout(ways=5, shots=1, queries=2))
    experiment = replace(_experiment(tasks_per_step=6, steps=2), train=lambda root: tasks)
    torch.manual_seed(0)
    train(experiment, Run(folder=tmp_path, header=Header(recipe="none")), _OneOf(accelerator="cpu", devices=1))
    assert tasks.counts == [2, 2]


def test_best_weights_are_those_of_the_best_look_at_validation(tmp_path: Path) -> None:
    position = _train(tmp_path, _experiment())
    accuracies = {int(row["step"]): float(row["accuracy"]) for row in _rows(tmp_path) if row["accuracy"]}
    assert list(accuracies) == [5, 10, 12]
    assert position.best_score == pytest.approx(max(accuracies.values()), abs=1e-5)
    header = header_of(tmp_path / "best.safetensors")
    assert (header.recipe, header.step) == ("none", position.best_step)


def test_the_average_is_what_is_kept(tmp_path: Path) -> None:
    _train(tmp_path, _experiment(average_decay=0.9, validate_every=12))
    last, best = _weights(tmp_path / "last.safetensors"), _weights(tmp_path / "best.safetensors")
    name = "encoder.blocks.0.weight"
    assert torch.equal(best[name], last[f"average.module.{name}"])
    assert not torch.equal(best[name], last[f"learner.{name}"])


@pytest.mark.parametrize("average_decay", [None, 0.9])
def test_what_a_training_ended_with_reads_like_its_best(average_decay: float | None, tmp_path: Path) -> None:
    _train(tmp_path / "run", _experiment(average_decay=average_decay, validate_every=12))  # One look, at the end.
    weights, header = load_end(tmp_path / "run")
    best, best_header = load_trained(tmp_path / "run/best.safetensors")
    assert weights.keys() == best.keys()
    assert all(torch.equal(weights[name], best[name]) for name in best)
    assert header == replace(best_header, validation={})


class _CompilesItself(ProtoNet):
    """Knows what is worth compiling, and that it runs at once."""

    def compile(self, *_args: object, **_options: object) -> None:
        super().compile(backend="eager")
        Distribution.set_default_validate_args(False)  # As torch does, once in a process.


@pytest.mark.filterwarnings("ignore")  # Of PyTorch's compiler, about itself.
def test_compiled_as_the_learner_has_it_the_same_is_learnt(tmp_path: Path) -> None:
    kept = []
    for compiles in (False, True):
        torch.manual_seed(0)
        learner = _CompilesItself(Conv4(channels=8))
        _train(tmp_path / str(compiles), _experiment(learner, average_decay=0.9), compile=compiles)
        assert (learner._compiled_call_impl is not None) == compiles
        assert Distribution._validate_args is True
        kept.append(_weights(tmp_path / str(compiles) / "last.safetensors"))
    for name, value in kept[0].items():
        assert torch.allclose(value, kept[1][name], rtol=1e-3, atol=1e-4), name


def test_a_frozen_part_keeps_its_weights_and_statistics_while_the_rest_learns(tmp_path: Path) -> None:
    learner = MANN(32, encoder=Conv4(channels=8), max_ways=5, hidden=8, slots=8, width=4, heads=1)
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    _train(tmp_path / "run", _experiment(learner, frozen=("encoder",)))
    after = _weights(tmp_path / "run/last.safetensors")
    moved = {name for name, value in before.items() if not torch.equal(after[f"learner.{name}"], value)}
    assert moved == {name for name in before if not name.startswith("encoder.")}


def test_minutes_end_a_training(tmp_path: Path) -> None:
    position = _train(tmp_path, _experiment(steps=10**9, validate_every=10**9), minutes=0.02)
    assert position.seconds >= 1.2
    assert float(_rows(tmp_path)[-1]["accuracy"]) > 0


@pytest.mark.parametrize(("optimiser", "rates"), [("adam", 1.0), ("rmsprop", 0.05**-0.5)])
def test_the_first_step_is_the_optimisers_that_was_asked_for(tmp_path: Path, optimiser: str, rates: float) -> None:
    experiment = _experiment(optimiser=optimiser, steps=1, learning_rate=1e-3)
    before = experiment.learner.encoder.blocks[0].weight.detach().clone()
    _train(tmp_path, experiment)
    moved = (experiment.learner.encoder.blocks[0].weight.detach() - before).abs()
    assert float(moved.median()) == pytest.approx(1e-3 * rates, rel=1e-3)


class _BlindLSTM(LSTM):
    """What it says in eval mode is no number."""

    def predict_sequence(self, x, y):
        said = super().predict_sequence(x, y)
        return said if self.training else categorical(said.logits * math.nan)


def test_watched_by_instance_an_answer_that_is_no_number_is_seen(tmp_path: Path) -> None:
    experiment = replace(_by_instance(steps=1), learner=_BlindLSTM(28 * 28, max_ways=2, hidden=16))
    with pytest.raises(NonFiniteLossError, match="validations gave no finite numbers"):
        _train(tmp_path, experiment)


def _by_instance(**options) -> Experiment:
    def sequences(root):
        return InstanceSequences(glyphs.load(20, 10), SequenceLayout(classes=2))

    experiment = _experiment(LSTM(28 * 28, max_ways=2, hidden=16), validate_by="instances", **options)
    return replace(experiment, train=sequences, validation=sequences)


def test_watched_by_instance_it_keeps_what_is_best_after_the_first(tmp_path: Path) -> None:
    position = _train(tmp_path, _by_instance())
    rows = _rows(tmp_path)
    assert [row["step"] for row in rows] == ["5", "10", "12"]
    by_instance = [[float(row[name]) for name in INSTANCE_NAMES] for row in rows]
    after_first = [sum(accuracies[1:]) / 9 for accuracies in by_instance]
    assert [float(row["accuracy"]) for row in rows] == pytest.approx(after_first, abs=1e-5)
    assert position.best_score == pytest.approx(max(after_first), abs=1e-5)
    assert position.best_step == int(rows[after_first.index(max(after_first))]["step"])
    assert header_of(tmp_path / "best.safetensors").step == position.best_step


def test_watched_by_queries_it_says_nothing_of_instances(tmp_path: Path) -> None:
    _train(tmp_path, _experiment(steps=1))
    assert not set(INSTANCE_NAMES) & set(_rows(tmp_path)[0])


class Line(Learner):
    """The same straight line for every task: nothing is read, something is learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(1, 1)

    def adapt(self, support_x, support_y):
        return Support(support_y)

    def predict(self, state, query_x):
        return Independent(Normal(self.line(query_x), torch.ones(())), 1)


class Support(NamedTuple):
    support_y: torch.Tensor


def test_watched_by_functions_it_keeps_what_finds_the_values_likeliest(tmp_path: Path) -> None:
    def curves(root):
        return GaussianProcesses(PointLayout(3, 4))

    experiment = replace(_experiment(Line(), validate_by="functions"), train=curves, validation=curves)
    position = _train(tmp_path, experiment)
    rows = _rows(tmp_path)
    likelihoods = [float(row["log_likelihood"]) for row in rows]
    assert position.best_score == pytest.approx(max(likelihoods), abs=1e-4)
    assert len({row["oracle"] for row in rows}) == 1  # The same tasks at every look.
    assert float(rows[0]["oracle"]) > max(likelihoods)
    assert rows[0]["accuracy"] == ""
    header = header_of(tmp_path / "best.safetensors")
    assert header.validation["log_likelihood"] == pytest.approx(position.best_score)


class _BlindLine(Line):
    def predict(self, state, query_x):
        said = super().predict(state, query_x)
        return said if self.training else Independent(Normal(said.mean * math.inf, 1.0), 1)


def test_watched_by_functions_a_likelihood_that_is_no_number_is_seen(tmp_path: Path) -> None:
    def curves(root):
        return GaussianProcesses(PointLayout(3, 4))

    experiment = replace(_experiment(_BlindLine(), validate_by="functions", steps=1), train=curves, validation=curves)
    with pytest.raises(NonFiniteLossError, match="validations gave no finite numbers"):
        _train(tmp_path, experiment)


def test_tensorboard_events_are_written_where_asked_for(tmp_path: Path) -> None:
    _train(tmp_path, _experiment(), tensorboard=True)
    assert list(tmp_path.glob("events.out.tfevents.*"))


def test_resuming_where_both_checkpoints_are_damaged_is_refused(tmp_path: Path) -> None:
    _train(tmp_path, _experiment())
    for name in ("last.safetensors", "last.previous.safetensors"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"last\.safetensors is damaged"):
        _train(tmp_path, _experiment(), resume=True)


def test_a_damaged_checkpoint_does_not_take_the_place_of_the_sound_one_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("quickstudy.training.loop._SECONDS_BETWEEN_SAVES", 0.0)
        with pytest.raises(_PulledPlug):
            _train(tmp_path, _experiment(_PullsThePlug(at=8)))
    (tmp_path / "last.safetensors").write_bytes(b"half")
    with pytest.raises(_PulledPlug):  # It goes on for a single step, and saves once.
        _train(tmp_path, _experiment(_PullsThePlug(at=1)), resume=True)
    steps = [read_header(tmp_path / name)["position"]["step"] for name in ("last.safetensors", PREVIOUS)]
    assert steps == [8, 7]


def test_a_header_is_strict_json_even_before_the_first_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quickstudy.training.loop._SECONDS_BETWEEN_SAVES", 0.0)
    with pytest.raises(_PulledPlug):
        _train(tmp_path, _experiment(_PullsThePlug(at=2)))
    json.dumps(read_header(tmp_path / "last.safetensors"), allow_nan=False)
    position = _train(tmp_path, _experiment(), resume=True)
    assert position.best_step > 0


def test_a_part_is_frozen_for_its_share_of_the_training_and_then_trained(tmp_path: Path) -> None:
    folders = []
    for share in (1.0, 0.5, 0.0):
        torch.manual_seed(0)
        encoder = Conv4(blocks=3, channels=8)
        learner = CNPClassifier(encoder, encoder.num_features)
        experiment = _experiment(learner, frozen=("encoder",), frozen_share=share, steps=4, validate_every=2)
        first = {name: value.clone() for name, value in experiment.learner.state_dict().items()}
        _train(tmp_path / str(share), experiment)
        last = experiment.learner.state_dict()
        folders.append({name: not torch.equal(first[name], last[name]) for name in first})
    for name, *changed in zip(folders[0], *(each.values() for each in folders), strict=True):
        assert changed == [not name.startswith("encoder"), True, True]


def test_until_it_is_trained_a_frozen_part_keeps_its_statistics(tmp_path: Path) -> None:
    counts = []
    for share in (0.5, 0.0):
        encoder = Conv4(blocks=3, channels=8)
        learner = CNPClassifier(encoder, encoder.num_features)
        experiment = _experiment(learner, frozen=("encoder",), frozen_share=share, steps=4)
        _train(tmp_path / str(share), experiment)
        (counter, *_) = (v for name, v in experiment.learner.state_dict().items() if "num_batches" in name)
        counts.append(int(counter))
    assert counts == [2, 4]
