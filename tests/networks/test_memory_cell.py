import torch

from quickstudy.core import leaves
from quickstudy.networks.memory import AccessOptions
from quickstudy.networks.memory_cell import MANNCell, MemoryBlock


def _block() -> MemoryBlock:
    cell = MANNCell(
        5,
        controller="lstm",
        hidden=6,
        slots=7,
        width=4,
        heads=2,
        access=AccessOptions(),
        feeds_reads=True,
        key_strength=True,
        max_key_strength=None,
    )
    return MemoryBlock(cell).double()


def _items(length: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(3, length, 5, generator=generator, dtype=torch.float64)


def test_a_sequence_is_read_as_its_parts_are(generator: torch.Generator) -> None:
    block, x = _block(), _items(6, generator)
    whole = block(x)
    first, cache = block.extend(block.empty(3), x[:, :4])
    then, _ = block.extend(cache, x[:, 4:])
    assert torch.allclose(whole, torch.cat([first, then], dim=1))
    assert whole.shape == (3, 6, block.out_channels)


def test_a_query_takes_the_next_position_and_changes_nothing(generator: torch.Generator) -> None:
    block, x = _block(), _items(4, generator)
    cache = block.remember(block.empty(3), x)
    before = [leaf.clone() for leaf in leaves(cache)]
    query = _items(3, generator)
    found = block.query(cache, query)
    for index in range(3):
        alone, _ = block.extend(cache, query[:, [index]])
        assert torch.allclose(found[:, [index]], alone)
    assert all(torch.equal(*both) for both in zip(leaves(cache), before, strict=True))


def test_what_was_read_at_the_first_step_is_found_at_the_last_one(generator: torch.Generator) -> None:
    block, x = _block(), _items(5, generator).requires_grad_()
    (gradient,) = torch.autograd.grad(block(x)[:, -1].sum(), x)
    assert (gradient[:, 0] != 0).any(dim=-1).all()
