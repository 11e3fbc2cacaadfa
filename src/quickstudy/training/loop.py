"""The one training loop, for every learner trained by gradients: Lightning Fabric does the devices.

Step i draws its tasks from a generator seeded by (seed, process, i), so a training that goes on
after step i needs no memory of the data order.
"""

import math
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from quickstudy.core import (
    ActedBy,
    Experiment,
    HasEnvironment,
    Learner,
    Practice,
    StagedDistribution,
    TrainingTasks,
    save_trained,
    unchecked_distributions,
    unfinished_checkpoints,
)
from quickstudy.training.logging import CSVLog, Log, TensorBoardLog, refuse_missing_tensorboard
from quickstudy.training.process_steps import share_of_step, step_generator
from quickstudy.training.rollouts import Rollouts
from quickstudy.training.run import (
    BEST,
    LAST,
    METRICS,
    Position,
    Progress,
    Run,
    averaged,
    is_readable,
    load_last,
    save_last,
)
from quickstudy.training.schedule import begin_frozen, freeze, frozen_encoder_once, learning_rate, make_optimiser
from quickstudy.training.validation import COLUMNS, Validation, validate

_SECONDS_BETWEEN_SAVES = 30.0
_STEPS_BETWEEN_NOTES = 50
_MOST_FAILED_VALIDATIONS = 3


class NonFiniteLossError(RuntimeError):
    """The loss is no longer a number, in training or at validation. The weights before it are kept."""


def train(experiment: Experiment, run: Run, fabric: Fabric) -> Position:
    """Train the experiment's learner in place. The last and the best weights are left in the run's folder.

    All processes draw their own tasks. The first one validates and writes.

    Args:
        experiment: the learner, its tasks and its optimisation.
        run: the folder and the settings of this run.
        fabric: must be launched already.

    Raises:
        NonFiniteLossError: at a step whose loss is not a number. The last checkpoint is of an earlier step, or of this
            one if only the loss of validation is not a number.
        UserError: if there is no data, the tasks of a step cannot be shared, or there is nothing valid to resume.
            Nothing was written then.
        OSError: if the disk is full.
    """
    return _Training(experiment, run, fabric).go()


class _Training:
    def __init__(self, experiment: Experiment, run: Run, fabric: Fabric) -> None:
        self.experiment, self.run, self.fabric = experiment, run, fabric
        self.own_tasks = share_of_step(experiment.optimisation.tasks_per_step, fabric.world_size)
        if run.tensorboard:
            refuse_missing_tensorboard()
        self.tasks = experiment.train(run.data_root).to(fabric.device)
        self.validation = experiment.validation(run.data_root).to(fabric.device)
        if experiment.before_training is not None:
            experiment.before_training(run.data_root)
        self.learner = experiment.learner.to(fabric.device)
        begin_frozen(experiment, self.learner, fabric.world_size)
        self.optimiser = make_optimiser(self.learner, experiment.optimisation)
        if run.compile:
            with unchecked_distributions():  # Else torch would switch the checks off for good.
                self.learner.compile()  # In place: a learner knows which part of it is worth compiling.
        self.model, self.stepper = fabric.setup(self.learner, self.optimiser)
        # After the set-up, which may have changed the weights' precision.
        decay = experiment.optimisation.average_decay
        self.average = None if decay is None else averaged(self.learner, decay)
        self.position = Position()
        if run.resume:
            self.position = load_last(run.folder, self.learner, self.optimiser, self.average)
            if not is_readable(run.folder / BEST):  # Lost: the best of the validations to come takes its place.
                self.position.best_score, self.position.best_step = -math.inf, 0
        self.saved_step = self.position.step if run.resume else None
        self.logs: list[Log] = []

    def go(self) -> Position:
        try:
            with frozen_encoder_once(self.experiment, self.learner):
                self._loop()
        finally:
            for log in self.logs:
                log.close()
        return self.position

    def _loop(self) -> None:
        started, saved, seconds_before = time.monotonic(), time.monotonic(), self.position.seconds
        first_step = self.position.step
        noted = (started, first_step)
        self.learner.train()
        with unchecked_distributions():
            while (fraction := self._fraction()) < 1:
                freeze(self.learner, self.experiment.frozen, fraction < self.experiment.frozen_share)
                self.position.losses.append(self._step(fraction))
                self.position.seconds = seconds_before + time.monotonic() - started
                if self.position.step == first_step + 1:
                    self._begin()
                done = self._fraction() >= 1
                validates = done or self.position.step % self.experiment.validate_every == 0
                if validates or self.position.step % _STEPS_BETWEEN_NOTES == 0:
                    rate = self._rate(*noted)
                    self._note(rate, self._validate() if validates else None)
                    noted = (time.monotonic(), self.position.step)
                    self.position.seconds = seconds_before + time.monotonic() - started
                if validates or time.monotonic() - saved > _SECONDS_BETWEEN_SAVES:
                    self._save()
                    saved = time.monotonic()
                if validates:
                    self._stop_if_blind(done)

    def _begin(self) -> None:
        """Write for the first time: not before a step went well, so that what is refused leaves nothing behind."""
        self._save()
        if self.fabric.is_global_zero:
            for path in unfinished_checkpoints(self.run.folder):
                path.unlink(missing_ok=True)
            # Later rows are of steps that come again: those from this session's first step on.
            before = self.position.step - 1
            self.logs.append(CSVLog(self.run.folder / METRICS, before, COLUMNS[self.experiment.validate_by]))
            if self.run.tensorboard:
                self.logs.append(TensorBoardLog(self.run.folder, before))

    def _fraction(self) -> float:
        """How much of the training is behind us, the same on all processes."""
        if self.run.minutes is None:
            return self.position.step / self.experiment.optimisation.steps
        fraction = self.position.seconds / (60 * self.run.minutes)
        return self.fabric.broadcast(fraction) if self.fabric.world_size > 1 else fraction

    def _step(self, fraction: float) -> float:
        step, experiment = self.position.step, self.experiment
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(experiment.optimisation, step, fraction)
        generator = step_generator(self.tasks, self.run.seed, self.fabric.global_rank, step)
        losses = [self._update(tasks) for tasks in self._batches(fraction, generator)]
        if self.average is not None:
            self.average.update_parameters(self.learner)
        self.position.step += 1
        return sum(losses) / len(losses)

    def _batches(self, fraction: float, generator: torch.Generator) -> Iterable[TrainingTasks | Practice]:
        """What the step learns from: tasks that are drawn, or trials that the learner itself goes through."""
        tasks = self.tasks
        if self.experiment.practice is not None and isinstance(tasks, HasEnvironment):
            acting: Any = self.learner
            rollouts = Rollouts(acting, tasks.environment, self.experiment.practice, self._mean)
            return rollouts.batches(self.own_tasks, generator, fraction)
        if self.experiment.in_own_trials and isinstance(tasks, ActedBy):
            learner: Any = self.learner
            with torch.no_grad():
                return (tasks.acted_by(learner).sample(self.own_tasks, generator),)
        drawn_from = tasks.at(fraction) if isinstance(tasks, StagedDistribution) else tasks
        return (drawn_from.sample(self.own_tasks, generator),)

    def _update(self, tasks: TrainingTasks | Practice) -> float:
        """Change the weights once."""
        loss = self.model(tasks)
        value = float(self._mean(loss.detach()))
        if not math.isfinite(value):
            # Not saved again: running statistics may have taken in what made the loss no number.
            step = self.position.step + 1
            raise NonFiniteLossError(f"The loss is {value} at step {step}. {self._left()} {self._advice()}")
        self.fabric.backward(loss)
        clip = self.experiment.optimisation.gradient_clip
        if clip is not None:
            parts: list[Any] = [self.learner.get_submodule(name) for name in self.learner.clipped_apart]
            for part in parts or [self.model]:
                self.fabric.clip_gradients(part, self.stepper, max_norm=clip)
        self.stepper.step()
        self.stepper.zero_grad(set_to_none=True)
        return value

    def _mean(self, number: Tensor) -> Tensor:
        """Over all processes. Where there are many, all must stop if one has to."""
        reduced: Any = self.fabric.all_reduce(number) if self.fabric.world_size > 1 else number
        return reduced

    def _validate(self) -> Validation | None:
        """Validation at the validation tasks, and keep the weights if they are the best so far."""
        seen = None
        if self.fabric.is_global_zero:
            learner = self._kept()
            seen = validate(self.experiment, learner, self.validation)
            self.position.failed_validations = 0 if seen.problem is None else self.position.failed_validations + 1
            if seen.problem is None and seen.score > self.position.best_score:
                self.position.best_score, self.position.best_step = seen.score, self.position.step
                header = replace(self.run.header, step=self.position.step, validation=seen.figures)
                save_trained(self.run.folder / BEST, learner.state_dict(), header)
        self.fabric.barrier()
        return seen

    def _stop_if_blind(self, done: bool) -> None:
        """Stop if validations keep giving no finite numbers, or if a training ends without one that did."""
        complaint: str | None = None
        has_failed = self.position.failed_validations >= _MOST_FAILED_VALIDATIONS or (
            done and self.position.best_step == 0
        )
        if self.fabric.is_global_zero and has_failed:
            complaint = (
                f"The last {self.position.failed_validations} validations gave no finite numbers, up to "
                f"step {self.position.step}, though the training loss is {self.last_loss:.4g}. {self._left()} "
                f"{self._advice()}"
            )
        if self.fabric.world_size > 1:
            complaint = self.fabric.broadcast(complaint)  # Only the first process validates, and all end together.
        if complaint is not None:
            raise NonFiniteLossError(complaint)

    def _left(self) -> str:
        """Which weights there are."""
        folder = self.run.folder
        if self.saved_step is None:
            return "Nothing was saved before."
        best = f", and {folder / BEST} of step {self.position.best_step}, the best" if self.position.best_step else ""
        return f"{folder / LAST} is of step {self.saved_step}{best}."

    def _advice(self) -> str:
        """Resuming would take the same steps again."""
        weights = self.run.folder / (BEST if self.position.best_step else LAST)
        start = "" if self.saved_step is None else f", from those weights by --start-from {weights}"
        return (
            f"Resumed, it would come to the same. Train anew with a learning rate below "
            f"{self.experiment.optimisation.learning_rate:g}{start}."
        )

    def _kept(self) -> Learner:
        """The weights that count: the average where there is one."""
        kept: Any = self.learner if self.average is None else self.average.module
        return kept

    def _note(self, rate: float, seen: Validation | None) -> None:
        """Tell the logs and the display of the steps since the last time."""
        losses, self.position.losses = self.position.losses, []
        self.last_loss = losses[-1]
        if not self.fabric.is_global_zero:
            return
        loss = sum(losses) / len(losses)
        figures: dict[str, float | None] = {"loss": loss, "tasks_per_second": rate, "seconds": self.position.seconds}
        figures["learning_rate"] = self.optimiser.param_groups[0]["lr"]
        text, warning = None, None
        if seen is not None and seen.problem is None:
            figures |= seen.figures
            text = seen.text
        elif seen is not None:
            warning = f"step {self.position.step}: validation gave {seen.problem} and is skipped"
        for log in self.logs:
            log.write(self.position.step, figures)
        self.run.show(
            Progress(self.position.step, self._fraction_here(), loss, rate, self.position.seconds, text, warning)
        )

    def _fraction_here(self) -> float:
        if self.run.minutes is None:
            return self.position.step / self.experiment.optimisation.steps
        return min(1.0, self.position.seconds / (60 * self.run.minutes))

    def _rate(self, since: float, first_step: int) -> float:
        steps = self.position.step - first_step
        return steps * self.own_tasks * self.fabric.world_size / max(time.monotonic() - since, 1e-9)

    def _save(self) -> None:
        state = self.learner.state_dict().values() if self.fabric.is_global_zero else ()
        is_sound = all(bool(value.isfinite().all()) for value in state)
        if self.fabric.world_size > 1:
            is_sound = self.fabric.broadcast(is_sound)
        if not is_sound:
            raise NonFiniteLossError(
                f"Weights are no longer numbers after step {self.position.step}. {self._left()} {self._advice()}"
            )
        self.saved_step = self.position.step
        if self.fabric.is_global_zero:
            save_last(self.run.folder, self.learner, self.optimiser, self.average, self.position, self.run.header)
