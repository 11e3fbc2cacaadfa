"""The one training loop, for every learner trained by gradients: Lightning Fabric does the devices.

Step i draws its tasks from a generator seeded by (seed, process, i), so a training that goes on
after step i needs no memory of the data order.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.optim import SGD, AdamW, Optimizer, RMSprop

from quickstudy.core import Experiment, Learner, TrainingDistribution, save_checkpoint, unchecked_distributions
from quickstudy.training.logging import CSVLog, Log, TensorBoardLog
from quickstudy.training.looks import COLUMNS, Look, look
from quickstudy.training.run import BEST, LAST, METRICS, Position, averaged, load_last, save_last

_SECONDS_BETWEEN_SAVES = 30.0
_STEPS_BETWEEN_NOTES = 50


class NonFiniteLossError(RuntimeError):
    """The loss is no longer a number. The weights before it are kept."""


@dataclass(frozen=True)
class Progress:
    """What a display shows; `validation` only where it was just measured."""

    step: int
    fraction: float
    loss: float
    tasks_per_second: float
    seconds: float
    validation: str | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """Where and for how long to train; what to train is the experiment's."""

    folder: Path
    header: Mapping[str, Any]
    """Stored with the weights: the recipe and its arguments."""
    seed: int = 0
    minutes: float | None = None
    """Train for this long instead of the experiment's steps."""
    data_root: Path | None = None
    compile: bool = False
    resume: bool = False
    """Go on from the folder's last checkpoint."""
    tensorboard: bool = False
    """Write event files beside the CSV file, which is always written."""
    show: Callable[[Progress], None] = field(default=lambda progress: None)


def train(experiment: Experiment, run: Run, fabric: Fabric) -> Position:
    """Train the experiment's learner in place, leaving the last and the best weights in the run's folder.

    `fabric` has been launched. All processes draw tasks of their own; the first one validates and writes.

    Raises:
        NonFiniteLossError: naming the step; the last checkpoint is of a step before it.
        UserError: if the data cannot be had, or there is nothing sound to resume.
    """
    return _Training(experiment, run, fabric).go()


class _Training:
    def __init__(self, experiment: Experiment, run: Run, fabric: Fabric) -> None:
        self.experiment, self.run, self.fabric = experiment, run, fabric
        self.tasks = experiment.train(run.data_root).to(fabric.device)
        self.validation = experiment.validation(run.data_root).to(fabric.device)
        self.learner = experiment.learner.to(fabric.device)
        for part in experiment.frozen:
            self.learner.get_submodule(part).requires_grad_(False)
        self.optimiser = _optimiser(experiment)
        if run.compile:
            with unchecked_distributions():  # Else torch would switch the checks off for good.
                self.learner.compile()  # In place: a learner knows which part of it is worth compiling.
        self.model, self.stepper = fabric.setup(self.learner, self.optimiser)
        # After the set-up, which may have changed the weights' precision.
        decay = experiment.average_decay
        self.average = None if decay is None else averaged(self.learner, decay)
        self.position = Position()
        if run.resume:
            self.position = load_last(run.folder, self.learner, self.optimiser, self.average)
        self.own_tasks = max(1, experiment.tasks_per_step // fabric.world_size)
        self.logs: list[Log] = []
        if fabric.is_global_zero:
            self.logs.append(CSVLog(run.folder / METRICS, self.position.step, COLUMNS[experiment.validate_by]))
            if run.tensorboard:
                self.logs.append(TensorBoardLog(run.folder, self.position.step))

    def go(self) -> Position:
        try:
            self._loop()
        finally:
            for log in self.logs:
                log.close()
        return self.position

    def _loop(self) -> None:
        self._save()
        started, saved, seconds_before = time.monotonic(), time.monotonic(), self.position.seconds
        losses: list[float] = []
        noted = (started, self.position.step)
        self.learner.train()
        for part in self.experiment.frozen:
            self.learner.get_submodule(part).eval()
        with unchecked_distributions():
            while (fraction := self._fraction()) < 1:
                losses.append(self._step(fraction))
                self.position.seconds = seconds_before + time.monotonic() - started
                done = self._fraction() >= 1
                looks = done or self.position.step % self.experiment.validate_every == 0
                if looks or self.position.step % _STEPS_BETWEEN_NOTES == 0:
                    rate = self._rate(*noted)
                    self._note(losses, rate, self._validate() if looks else None)
                    losses, noted = [], (time.monotonic(), self.position.step)
                    self.position.seconds = seconds_before + time.monotonic() - started
                if looks or time.monotonic() - saved > _SECONDS_BETWEEN_SAVES:
                    self._save()
                    saved = time.monotonic()

    def _fraction(self) -> float:
        """How much of the training is behind us, the same on all processes."""
        if self.run.minutes is None:
            return self.position.step / self.experiment.steps
        fraction = self.position.seconds / (60 * self.run.minutes)
        return self.fabric.broadcast(fraction) if self.fabric.world_size > 1 else fraction

    def _step(self, fraction: float) -> float:
        step, experiment = self.position.step, self.experiment
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(experiment, step, fraction)
        generator = step_generator(self.tasks, self.run.seed, self.fabric.global_rank, step)
        loss = self.model(self.tasks.sample(self.own_tasks, generator))
        # Where there are many processes, all must stop if one has to.
        reduced: Any = self.fabric.all_reduce(loss.detach()) if self.fabric.world_size > 1 else loss.detach()
        value = float(reduced)
        if not math.isfinite(value):
            # Not saved again: running statistics may have taken in what made the loss no number.
            raise NonFiniteLossError(
                f"The loss is {value} at step {step + 1}. {self.run.folder / LAST} is of step {self.saved_step}, "
                f"before that, and {self.run.folder / BEST} the best so far. Lower the learning rate, or clip the "
                "gradient."
            )
        self.fabric.backward(loss)
        if experiment.gradient_clip is not None:
            self.fabric.clip_gradients(self.model, self.stepper, max_norm=experiment.gradient_clip)
        self.stepper.step()
        self.stepper.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update_parameters(self.learner)
        self.position.step += 1
        return value

    def _validate(self) -> Look | None:
        """Look at the validation tasks, and keep the weights if they are the best so far."""
        seen = None
        if self.fabric.is_global_zero:
            learner = self._kept()
            seen = look(self.experiment, learner, self.validation)
            if seen.score > self.position.best_score:
                self.position.best_score, self.position.best_step = seen.score, self.position.step
                measured = {f"validation_{name}": value for name, value in seen.figures.items()}
                header = {**self.run.header, "step": self.position.step, **measured}
                save_checkpoint(self.run.folder / BEST, learner.state_dict(), header)
        self.fabric.barrier()
        return seen

    def _kept(self) -> Learner:
        """The weights that count: the average where there is one."""
        kept: Any = self.learner if self.average is None else self.average.module
        return kept

    def _note(self, losses: list[float], rate: float, seen: Look | None) -> None:
        if not self.fabric.is_global_zero:
            return
        loss = sum(losses) / len(losses)
        figures: dict[str, float | None] = {"loss": loss, "tasks_per_second": rate, "seconds": self.position.seconds}
        figures["learning_rate"] = self.optimiser.param_groups[0]["lr"]
        if seen is not None:
            figures |= seen.figures
        for log in self.logs:
            log.write(self.position.step, figures)
        text = None if seen is None else seen.text
        self.run.show(Progress(self.position.step, self._fraction_here(), loss, rate, self.position.seconds, text))

    def _fraction_here(self) -> float:
        if self.run.minutes is None:
            return self.position.step / self.experiment.steps
        return min(1.0, self.position.seconds / (60 * self.run.minutes))

    def _rate(self, since: float, first_step: int) -> float:
        steps = self.position.step - first_step
        return steps * self.own_tasks * self.fabric.world_size / max(time.monotonic() - since, 1e-9)

    def _save(self) -> None:
        self.saved_step = self.position.step
        if self.fabric.is_global_zero:
            save_last(self.run.folder, self.learner, self.optimiser, self.average, self.position, self.run.header)


def _optimiser(experiment: Experiment) -> Optimizer:
    parameters, rate, decay = experiment.learner.parameters(), experiment.learning_rate, experiment.weight_decay
    if experiment.optimiser == "rmsprop":
        return RMSprop(parameters, lr=rate, alpha=0.95, momentum=0.9, weight_decay=decay)
    if experiment.optimiser == "sgd":
        return SGD(parameters, lr=rate, weight_decay=decay)
    return AdamW(parameters, lr=rate, weight_decay=decay)


def learning_rate(experiment: Experiment, step: int, fraction: float) -> float:
    """Rises linearly over the warm-up, then falls along a half cosine to zero at the end of the training."""
    rise = min(1.0, (step + 1) / max(1, experiment.warmup_steps))
    return experiment.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * fraction))


def step_generator(tasks: TrainingDistribution, seed: int, process: int, step: int) -> torch.Generator:
    """The generator of one step's tasks, on the tasks' own device."""
    # Hashed into 32 bits, as torch's CPU generator reads no more of a seed.
    hashed = int(np.random.SeedSequence([seed, process, step]).generate_state(1)[0])
    return torch.Generator(tasks.device).manual_seed(hashed)
