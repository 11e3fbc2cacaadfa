"""CMA-ES through the package `cma`, with our random numbers."""

import sys

import pytest
import torch
from torch import Tensor

from quickstudy.core import UserError
from quickstudy.training.evolution import CMAES

START = torch.ones(20, dtype=torch.float64)


def rotated_ellipsoid(x: Tensor) -> Tensor:
    rotation = torch.linalg.qr(torch.randn(20, 20, generator=torch.Generator().manual_seed(1))).Q.double()
    return (1e6 ** (torch.arange(20) / 19) * (x @ rotation).square()).sum(dim=-1)


def run(strategy: CMAES, function, goal: float, most: int) -> bool:
    pytest.importorskip("cma")
    generator, count = torch.Generator().manual_seed(0), 0
    while count < most and function(strategy.mean) >= goal:
        members = strategy.ask(generator)
        strategy.tell(members, function(members))
        count += len(members)
    return bool(function(strategy.mean) < goal)


def test_cma_es_reaches_the_minimum_of_the_sphere_in_four_thousand_losses() -> None:
    pytest.importorskip("cma")
    assert run(CMAES(START), lambda x: x.square().sum(dim=-1), 1e-8, 4_000)


def test_cma_es_reaches_the_minimum_of_a_rotated_ellipsoid() -> None:
    pytest.importorskip("cma")
    assert run(CMAES(START), rotated_ellipsoid, 1e-8, 20_000)


def test_the_generator_decides_the_members() -> None:
    pytest.importorskip("cma")
    one, other = (CMAES(START, 8).ask(torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, other)
    assert one.shape == (8, 20)


def test_settings_that_cannot_work_are_refused() -> None:
    pytest.importorskip("cma")
    for options in ({"num_members": 2}, {"deviation": 0.0}):
        with pytest.raises(UserError, match="were given"):
            CMAES(START, **options)


def test_without_the_package_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cma", None)
    with pytest.raises(UserError, match=r"pip install .*evolution"):
        CMAES(START)
