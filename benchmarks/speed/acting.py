"""What SNAIL's kept activations save while it acts, and how many steps a second the environments make.

python benchmarks/speed/acting.py [--out FILE] [--trials 256] [--pulls 100]

The usual way reads the whole trial again at every step. Both ways choose by the same distributions. Each environment is
measured as one batch of tensors; through Gymnasium's vector interface, which adds its own arrays; and in Gymnasium's
`SyncVectorEnv`, which steps one world after another. All of it takes processor time of one core.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import torch
import tyro
from rich.console import Console

from quickstudy.core import ActsByValues, Environment, Experience, play
from quickstudy.evaluation import provenance
from quickstudy.learners import SNAILPolicy
from quickstudy.protocols.records import write_json
from quickstudy.tasks import Anything, Bandits, Mazes, MDPs, Navigation
from quickstudy.worlds import register_worlds

_STEPS, _STEPS_ONE_BY_ONE = 100, 5
_DRAWN_ACTIONS = 16
"""Different actions that are taken in turn, so that drawing them takes no time."""


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
    world, actions = environment.start(trials, generator), drawn_actions(environment, trials, generator)

    def run() -> None:
        nonlocal world
        for step in range(_STEPS):
            environment.observe(world)
            world = environment.act(world, actions[step % _DRAWN_ACTIONS], generator).world

    return trials * _STEPS / seconds(run)


def drawn_actions(environment: Environment, trials: int, generator: torch.Generator) -> list[torch.Tensor]:
    """Random actions, a few times one for each trial."""
    if isinstance(environment, ActsByValues):
        shape = trials, environment.num_actions
        return [2 * torch.rand(shape, generator=generator) - 1 for _ in range(_DRAWN_ACTIONS)]
    return [torch.randint(environment.num_actions, (trials,), generator=generator) for _ in range(_DRAWN_ACTIONS)]


def gymnasium_steps_a_second(
    name: str, environment: Environment, trials: int, *, mode: str = "vector_entry_point", steps: int = _STEPS
) -> float:
    """The same through Gymnasium's vector interface: one batch, or with the mode "sync" one world after another."""
    register_worlds()
    environments = gymnasium.make_vec(name, num_envs=trials, vectorization_mode=mode)
    environments.reset(seed=0)
    actions = [each.numpy() for each in drawn_actions(environment, trials, torch.Generator().manual_seed(0))]

    def run() -> None:
        for step in range(steps):
            environments.step(actions[step % _DRAWN_ACTIONS])

    return trials * steps / seconds(run)


def measure(options: Options) -> dict[str, Any]:
    torch.set_num_threads(1)
    bandits, generator = Bandits(5, options.pulls), torch.Generator().manual_seed(0)
    learner = SNAILPolicy(5, bandits.observation_shape, num_steps=options.pulls).train()
    learner.switch_gradients_off()
    experience = play(Anything(5, generator), bandits, options.trials, generator).experience
    times = {way.__name__: seconds(partial(way, learner, experience)) for way in (cached, recomputed)}
    worlds: dict[str, Environment] = {
        "Bandit": bandits,
        "MDP": MDPs(),
        "Maze": Mazes(),
        "Navigation": Navigation(),
    }
    named = {f"quickstudy/{name}-v0": (name, world) for name, world in worlds.items()}
    return {
        "trials": options.trials,
        "pulls": options.pulls,
        "seconds": times,
        "ratio": times["recomputed"] / times["cached"],
        "steps_a_second": {name: steps_a_second(world, options.trials) for name, world in worlds.items()},
        "steps_a_second_by_gymnasium": {
            name: gymnasium_steps_a_second(full, world, options.trials) for full, (name, world) in named.items()
        },
        "steps_a_second_one_by_one": {
            name: gymnasium_steps_a_second(full, world, options.trials, mode="sync", steps=_STEPS_ONE_BY_ONE)
            for full, (name, world) in named.items()
        },
        **provenance(),
    }


def main(options: Options) -> int:
    found = measure(options)
    write_json(options.out, found)
    Console().print(f"{found['ratio']:.1f} times as fast as reading the whole trial at every step")
    for name, rate in found["steps_a_second"].items():
        batch, single = found["steps_a_second_by_gymnasium"][name], found["steps_a_second_one_by_one"][name]
        text = f"{name}: {rate:,.0f} steps a second, {batch:,.0f} through Gymnasium, {single:,.0f} one by one there"
        Console().print(text, highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(tyro.cli(main, description=__doc__, config=(tyro.conf.OmitArgPrefixes,)))
