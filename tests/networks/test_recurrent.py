import pytest
import torch

from quickstudy.networks.recurrent import RecurrentBlock


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_reading_in_parts_gives_what_reading_at_once_gives(cell, generator: torch.Generator) -> None:
    block = RecurrentBlock(3, 5, cell).double()
    x = torch.rand(2, 6, 3, generator=generator, dtype=torch.float64)
    whole = block(x)
    first, cache = block.extend(block.empty(2), x[:, :2])
    second, _ = block.extend(cache, x[:, 2:])
    assert torch.allclose(torch.cat([first, second], dim=1), whole)
    assert torch.allclose(block.query(cache, x[:, 2:3]), whole[:, 2:3])


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_queries_do_not_see_each_other(cell, generator: torch.Generator) -> None:
    block = RecurrentBlock(3, 5, cell).double()
    x = torch.rand(2, 4, 3, generator=generator, dtype=torch.float64)
    cache = block.remember(block.empty(2), x)
    queries = torch.rand(2, 3, 3, generator=generator, dtype=torch.float64)
    together = block.query(cache, queries)
    alone = torch.cat([block.query(cache, queries[:, [index]]) for index in range(3)], dim=1)
    assert torch.allclose(together, alone)
