import torch

from quickstudy.networks.causal_transformer import CausalTransformer


def test_reading_in_parts_gives_what_reading_at_once_gives(generator: torch.Generator) -> None:
    block = CausalTransformer(3, 8, 2, 2).double()
    x = torch.rand(2, 6, 3, generator=generator, dtype=torch.float64)
    whole = block(x)
    first, cache = block.extend(block.empty(2), x[:, :2])
    second, _ = block.extend(cache, x[:, 2:])
    assert torch.allclose(torch.cat([first, second], dim=1), whole)
    assert torch.allclose(block.query(cache, x[:, 2:3]), whole[:, 2:3])


def test_queries_do_not_see_each_other(generator: torch.Generator) -> None:
    block = CausalTransformer(3, 8, 2, 2).double()
    x = torch.rand(2, 4, 3, generator=generator, dtype=torch.float64)
    cache = block.remember(block.empty(2), x)
    queries = torch.rand(2, 3, 3, generator=generator, dtype=torch.float64)
    together = block.query(cache, queries)
    alone = torch.cat([block.query(cache, queries[:, [index]]) for index in range(3)], dim=1)
    assert torch.allclose(together, alone)


def test_nothing_depends_on_what_comes_later(generator: torch.Generator) -> None:
    block = CausalTransformer(3, 8, 2, 2)
    x = torch.rand(1, 5, 3, generator=generator)
    changed = x.clone()
    changed[:, 3] += 1
    before, after = block(x), block(changed)
    assert torch.equal(before[:, :3], after[:, :3])
    assert (before[:, 3:] != after[:, 3:]).any(dim=-1).all()
