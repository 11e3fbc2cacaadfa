"""What SNAIL's kept activations save while it acts, and how many steps a second the environments make.

python benchmarks/speed/acting.py [--out FILE] [--trials 256] [--pulls 100]

The usual way reads the whole trial again at every step. Both ways choose by the same distributions. The environments
are measured as one batch, and through Gymnasium's vector interface, which adds its own arrays.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
import tyro
from rich.console import Console

from quickstudy.core import Environment, Experience, play
from quickstudy.evaluation import provenance
from quickstudy.learners import SNAILPolicy
from quickstudy.protocols.records import write_json
from quickstudy.tasks import Anything, Bandits, Mazes, MDPs
from quickstudy.worlds import register_worlds

_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class Options:
    """How much to measure."""

    trials: int = 256
    """Trials side by side."""
    pulls: int = 100
    """Pulls of a trial."""
    out: Path = Path(__file__).parents[1] / "results" / "acting_speed.json"
    """The file of the figures."""


def cached(learner: SNAILPolicy, experience: Experience) -> list[torch.Tensor]:
    """The logits of each step, one position at a time."""
    state, found = learner.prior(len(experience.action)), []
    for step in range(experience.action.shape[1]):
        prediction, seen = learner.choose(state, experience.observation[:, [step]])
        found.append(prediction.logits)
        state = learner.conclude(seen, Experience(*(field[:, [step]] for field in experience)))
    return found


def recomputed(learner: SNAILPolicy, experience: Experience) -> list[torch.Tensor]:
    """The logits of each step, where each step reads all steps before it again."""
    return [learner.along(experience.upto(step + 1)).logits[:, -1:] for step in range(experience.action.shape[1])]


def seconds(work: Callable[[], Any]) -> float:
    """Processor time of one run."""
    started = time.process_time()
    work()
    return time.process_time() - started


def steps_a_second(environment: Environment, trials: int) -> float:
    """Environment steps of all trials, without a learner."""
    generator = torch.Generator().manual_seed(0)
    world = environment.start(trials, generator)
    action = torch.zeros(trials, dtype=torch.long)

    def run() -> None:
        nonlocal world
        for _ in range(_STEPS):
            environment.observe(world)
            world = environment.act(world, action, generator).world

    return trials * _STEPS / seconds(run)


def gymnasium_steps_a_second(name: str, trials: int) -> float:
    """The same through Gymnasium's vector interface."""
    register_worlds()
    environments = gymnasium.make_vec(name, num_envs=trials)
    environments.reset(seed=0)
    action = np.zeros(trials, dtype=np.int64)

    def run() -> None:
        for _ in range(_STEPS):
            environments.step(action)

    return trials * _STEPS / seconds(run)


def measure(options: Options) -> dict[str, Any]:
    torch.set_num_threads(1)
    bandits, generator = Bandits(5, options.pulls), torch.Generator().manual_seed(0)
    learner = SNAILPolicy(5, bandits.observation_shape, num_steps=options.pulls).train()
    learner.switch_gradients_off()
    experience = play(Anything(5, generator), bandits, options.trials, generator).experience
    times = {way.__name__: seconds(partial(way, learner, experience)) for way in (cached, recomputed)}
    worlds: dict[str, Environment] = {"Bandit": bandits, "MDP": MDPs(), "Maze": Mazes()}
    return {
        "trials": options.trials,
        "pulls": options.pulls,
        "seconds": times,
        "ratio": times["recomputed"] / times["cached"],
        "steps_a_second": {name: steps_a_second(world, options.trials) for name, world in worlds.items()},
        "steps_a_second_by_gymnasium": {
            name: gymnasium_steps_a_second(f"quickstudy/{name}-v0", options.trials) for name in worlds
        },
        **provenance(),
    }


def main(options: Options) -> int:
    found = measure(options)
    write_json(options.out, found)
    Console().print(f"{found['ratio']:.1f} times as fast as reading the whole trial at every step")
    for name, rate in found["steps_a_second"].items():
        beside = found["steps_a_second_by_gymnasium"][name]
        Console().print(f"{name}: {rate:,.0f} steps a second, {beside:,.0f} through Gymnasium", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main, description=__doc__, config=(tyro.conf.OmitArgPrefixes,)))
