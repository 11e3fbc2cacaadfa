import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from quickstudy.core import Header, UserError, load_trained
from quickstudy.training.run import LAST, Position, averaged, load_end, load_last, save_last

HEADER = Header(recipe="none", arguments={"ways": 5}, seed=3)


def _network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def _step(network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad()
    network(torch.rand(6, 3)).square().mean().backward()
    optimiser.step()


def _same(one: nn.Module, other: nn.Module) -> bool:
    states = one.state_dict(), other.state_dict()
    return all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize("make", [torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop])
@pytest.mark.parametrize("decay", [None, 0.9])
def test_what_was_saved_goes_on_as_if_nothing_had_happened(tmp_path: Path, make, decay: float | None) -> None:
    network = _network()
    optimiser = make(network.parameters(), lr=0.1)
    average = None if decay is None else averaged(network, decay)
    for _ in range(3):
        _step(network, optimiser)
        if average is not None:
            average.update_parameters(network)
    save_last(tmp_path, network, optimiser, average, Position(step=3, seconds=1.5, best_score=0.5, best_step=2), HEADER)
    kept = None if average is None else copy.deepcopy(average)
    _step(network, optimiser)
    other = _network(seed=1)
    other_optimiser = make(other.parameters(), lr=0.1)
    other_average = None if decay is None else averaged(other, decay)

    position = load_last(tmp_path, other, other_optimiser, other_average)
    assert (position.step, position.seconds, position.best_score, position.best_step) == (3, 1.5, 0.5, 2)
    assert not _same(network, other)
    if kept is not None:
        assert _same(kept, other_average)
    _step(other, other_optimiser)  # Draws what the first one drew.
    assert _same(network, other)


def test_without_a_look_there_is_no_best_score_yet(tmp_path: Path) -> None:
    network = _network()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    save_last(tmp_path, network, optimiser, None, Position(), HEADER)
    assert load_last(tmp_path, network, optimiser, None).best_score == -float("inf")


@pytest.mark.parametrize("decay", [None, 0.9])
def test_the_end_of_a_training_is_its_average_where_there_is_one(tmp_path: Path, decay: float | None) -> None:
    network = _network()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    average = None if decay is None else averaged(network, decay)
    for _ in range(3):
        _step(network, optimiser)
        if average is not None:
            average.update_parameters(network)
    save_last(tmp_path, network, optimiser, average, Position(step=3), HEADER)
    weights, header = load_end(tmp_path)
    expected = network if average is None else average.module
    assert all(torch.equal(value, weights[name]) for name, value in expected.state_dict().items())
    assert header == replace(HEADER, step=3)


def test_an_average_follows_statistics_and_copies_counters() -> None:
    network = _network().train()
    average = averaged(network, 0.5)
    for _ in range(5):
        network(torch.rand(6, 3) + 3)
        average.update_parameters(network)
    own, kept = network[1], average.module[1]
    assert int(kept.num_batches_tracked) == int(own.num_batches_tracked) == 5
    assert 0 < float(kept.running_mean.norm()) < float(own.running_mean.norm())


def test_damaged_or_missing_checkpoints_are_refused(tmp_path: Path) -> None:
    network = _network()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    with pytest.raises(UserError, match=LAST):
        load_last(tmp_path, network, optimiser, None)
    save_last(tmp_path, network, optimiser, None, Position(), HEADER)
    whole = (tmp_path / LAST).read_bytes()
    (tmp_path / LAST).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="damaged"):
        load_last(tmp_path, network, optimiser, None)


def test_the_header_says_what_was_trained(tmp_path: Path) -> None:
    network = _network()
    save_last(tmp_path, network, torch.optim.SGD(network.parameters(), lr=0.1), None, Position(step=7), HEADER)
    header = load_trained(tmp_path / LAST)[1]
    assert replace(header, step=None, position=None) == HEADER
    assert header.step == 7
    assert header.position is not None
    assert header.position["step"] == 7
