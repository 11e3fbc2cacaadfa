"""Cells share one rule, see their neighbours alone, and live where there is ink."""

import torch
import torch.nn.functional as F
from torch import Tensor

from quickstudy.networks.cell_grid import CellGrid, vote


def _cells() -> CellGrid:
    torch.manual_seed(0)
    cells = CellGrid(3, memory=4, hidden=16)
    torch.nn.init.normal_(cells.change.weight, std=0.2)  # At the start no cell changes.
    return cells.eval()


def _line() -> Tensor:
    image = torch.zeros(1, 7, 9)
    image[0, 3, 1:8] = torch.linspace(0.3, 0.9, 7)
    return image


def test_untrained_cells_have_no_opinion() -> None:
    assert torch.equal(CellGrid().eval()(_line(), 5), torch.zeros(5, 1, 7, 9, 10))


def test_only_cells_with_ink_have_a_state() -> None:
    said = _cells()(_line(), 4)
    is_alive = _line() > 0.1
    assert (said[:, ~is_alive] == 0).all()
    assert (said[:, is_alive] != 0).all()


def test_messages_travel_one_cell_in_an_update() -> None:
    cells, one, other = _cells(), _line(), _line()
    other[0, 3, 7] = 0.5  # The last cell of the line is another one.
    differences_U = (cells(one, 7) - cells(other, 7)).abs().amax(dim=(1, 2, 4))  # (U, W)
    for update, difference_W in enumerate(differences_U, start=1):
        reached = [column for column in range(1, 8) if difference_W[column] > 0]
        assert reached == list(range(max(1, 7 - update), 8))


def test_cells_are_the_same_wherever_they_are() -> None:
    cells, image = _cells(), torch.zeros(1, 9, 9)
    image[0, 2:5, 2:5] = torch.rand(3, 3, generator=torch.Generator().manual_seed(0)) + 0.2
    moved = image.roll((2, 1), dims=(1, 2))
    said, said_moved = cells(image, 4), cells(moved, 4)
    assert torch.allclose(said.roll((2, 1), dims=(2, 3)), said_moved, atol=1e-6)


def test_a_cell_dies_where_ink_is_taken_away() -> None:
    cells, image = _cells(), _line()
    state = cells.update(cells.start(image), image)
    erased = image.clone()
    erased[0, 3, 4] = 0
    after = cells.update(state, erased)
    assert (after[0, :, 3, 4] == 0).all()
    assert (after[0, :, 3, 5] != 0).any()


def test_random_updates_skip_cells_and_repeat_with_the_generator() -> None:
    cells, image = _cells(), torch.ones(4, 10, 10)
    one, other = (cells(image, 1, torch.Generator().manual_seed(0)) for _ in range(2))
    assert torch.equal(one, other)
    changed = (one[0] != 0).any(dim=-1).double().mean()
    assert 0.4 < changed < 0.6


def test_the_loss_is_the_mean_over_living_cells_and_updates() -> None:
    image, labels = _line(), torch.tensor([2])
    logits = torch.randn(2, 1, 7, 9, 3, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0.0, 0.0, 1.0])
    expected = [(logits[update, 0, 3, 1:8] - target).square().sum(dim=-1).mean() for update in range(2)]
    assert torch.allclose(_cells().loss(logits, image, labels), torch.stack(expected).mean())


def test_a_vote_counts_living_cells() -> None:
    opinions = torch.tensor([[[2, 2, 0], [1, 2, 0]]])
    alive = torch.tensor([[[True, True, False], [True, True, False]]])
    classes, shares = vote(F.one_hot(opinions, 3).float(), alive)
    assert classes.tolist() == [2]
    assert shares.tolist() == [0.75]


def test_cells_learn_to_agree_on_the_direction_of_a_bar() -> None:
    """A cell in the middle of a bar sees the direction; the ends and the label reach every cell by messages."""
    torch.manual_seed(0)
    images, labels = torch.zeros(8, 6, 6), torch.arange(8) % 2
    for number in range(8):
        place = 1 + number // 2
        images[number, place, 1:6] = float(number % 2 == 0)
        images[number, 1:6, place] += float(number % 2)
    cells = CellGrid(2, memory=4, hidden=16)
    optimiser = torch.optim.Adam(cells.parameters(), lr=1e-2)
    for _ in range(40):
        optimiser.zero_grad()
        cells.loss(cells(images, 8)[-2:], images, labels).backward()
        optimiser.step()
    with torch.no_grad():
        classes, shares = vote(cells.eval()(images, 12, torch.Generator().manual_seed(0))[-1], cells.alive(images))
    assert torch.equal(classes, labels)
    assert shares.min() > 0.9
