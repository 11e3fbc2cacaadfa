import pytest

from quickstudy.core import UserError
from quickstudy.datasets import glyphs
from quickstudy.tasks import GeneratedEpisodes
from quickstudy.training.process_steps import share_of_step, step_generator


def test_tasks_that_cannot_be_shared_evenly_are_refused() -> None:
    assert [share_of_step(12, processes) for processes in (1, 2, 3)] == [12, 6, 4]
    for tasks, processes in ((16, 3), (1, 2)):
        with pytest.raises(UserError, match=f"{tasks} tasks a step cannot be shared evenly by {processes} processes"):
            share_of_step(tasks, processes)


def test_every_step_and_process_draws_other_tasks() -> None:
    tasks = GeneratedEpisodes(glyphs.sample)
    seeds = {
        step_generator(tasks, seed, process, step).initial_seed()
        for seed in (0, 1)
        for process in (0, 1)
        for step in range(100)
    }
    assert len(seeds) == 400
