import torch

from quickstudy.core import Optimisation
from quickstudy.learners import CNP
from quickstudy.recipes import build
from quickstudy.recipes.general import general_experiment


def _drawn(source, count: int = 40) -> list[int]:
    tasks, generator = source(None), torch.Generator().manual_seed(0)
    return [tasks.sample(1, generator).support_x.shape[1] for _ in range(count)]


def test_the_tests_are_titled_by_how_many_points_they_give() -> None:
    experiment = general_experiment(CNP(hidden=8), Optimisation(steps=1, tasks_per_step=1))
    for title, source in experiment.test.items():
        numbers = title.removeprefix("broader kinds, ").removesuffix(" points")
        least, most = (int(word) for word in numbers.split(" to "))
        counts = _drawn(source)
        assert least <= min(counts) <= max(counts) <= most, title


def test_broader_kinds_reach_beyond_the_others_in_noise_and_in_roughness() -> None:
    tests = build("gp-general", {}).test
    steps = []
    for title in ("10 to 50 points", "broader kinds, 10 to 50 points"):
        tasks = tests[title](None).sample(300, torch.Generator().manual_seed(0))
        place = tasks.query_x.squeeze(-1).argsort(dim=1)
        values = tasks.query_y.squeeze(-1).gather(1, place)
        rough = (values[:, 1:] - values[:, :-1]).abs().mean(dim=1)
        steps.append(rough)
    quiet, broad = steps
    assert float((broad > quiet.max()).double().mean()) > 0.05  # Of their own kind one in 300 would be.
    assert float(broad.min()) < float(quiet.min())


def test_training_gives_few_points_and_many() -> None:
    counts = _drawn(build("gp-general", {}).train)
    assert min(counts) < 20
    assert max(counts) > 60


def test_curves_are_of_many_kinds_and_noises() -> None:
    tasks = build("gp-general", {}).train(None)
    generator = torch.Generator().manual_seed(0)
    values = tasks.sample(200, generator).query_y.squeeze(-1)
    rough = (values[:, 1:] - values[:, :-1]).abs().mean(dim=1)
    assert float(rough.max()) > 2 * float(rough.min())
