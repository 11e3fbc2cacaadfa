import pytest
import torch

from quickstudy.datasets import glyphs


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def ink() -> torch.Tensor:
    """Drawings with ink 1 on 0, (classes, drawings, height, width)."""
    return glyphs.load(num_classes=300, num_drawings=10, seed=3).float() / 255


def test_the_same_seed_draws_the_same_glyphs():
    assert torch.equal(glyphs.load(7, 3, seed=5), glyphs.load(7, 3, seed=5))
    assert not torch.equal(glyphs.load(7, 3, seed=5), glyphs.load(7, 3, seed=6))


def test_load_is_sample_with_a_generator_of_its_own():
    assert torch.equal(glyphs.load(7, 3, seed=5), glyphs.sample(7, 3, seeded(5)))


def test_the_global_random_numbers_are_neither_used_nor_advanced():
    torch.manual_seed(0)
    first, state = glyphs.load(5, 2), torch.get_rng_state()
    torch.manual_seed(1)
    torch.rand(3)
    assert torch.equal(glyphs.load(5, 2), first)
    torch.manual_seed(0)
    glyphs.load(5, 2)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_generator_goes_on_to_fresh_classes():
    generator = seeded()
    assert not torch.equal(glyphs.sample(5, 2, generator), glyphs.sample(5, 2, generator))


def test_one_program_is_drawn_again_and_again_never_the_same():
    generator = seeded()
    programs = glyphs.sample_programs(20, generator)
    before = [field.clone() for field in programs]
    first, second = glyphs.draw(programs, 4, generator), glyphs.draw(programs, 4, generator)
    drawings = torch.cat([first, second], 1).flatten(2)
    for row in drawings:
        assert len(row.unique(dim=0)) == 8
    for old, new in zip(before, programs, strict=True):
        assert torch.equal(old, new)


@pytest.mark.parametrize("shape", [(1, 1, 28), (3, 2, 20), (2, 5, 64), (2, 1, 1)])
def test_drawings_come_as_bytes_per_class_and_drawing(shape):
    num_classes, num_drawings, size = shape
    images = glyphs.load(num_classes, num_drawings, size=size)
    assert images.shape == (num_classes, num_drawings, size, size)
    assert images.dtype == torch.uint8


def test_every_field_of_the_programs_leads_with_the_classes():
    programs = glyphs.sample_programs(6, seeded())
    assert {len(field) for field in programs} == {6}
    assert all(field.isfinite().all() for field in programs)


def test_programs_have_one_to_four_strokes_all_of_them_common():
    programs = glyphs.sample_programs(2000, seeded())
    counts = (programs.arcs[..., 2].sum(-1) > 0).sum(-1)
    share = torch.bincount(counts, minlength=5) / 2000
    assert share[0] == 0
    assert (share[1:] > 0.05).all()


def test_the_ink_is_as_dense_as_in_handwriting(ink):
    # Omniglot's background characters averaged down to 28x28: 0.078, 7.8 % and 14.0 %.
    assert 0.065 < ink.mean() < 0.092
    assert 0.065 < (ink > 0.5).float().mean() < 0.092
    assert 0.11 < (ink > 0).float().mean() < 0.16
    assert ink.max() == 1


def test_no_drawing_is_blank_and_none_is_a_blot(ink):
    shares = ink.flatten(2).mean(-1)
    assert shares.min() > 0.002
    assert shares.max() < 0.4


def test_the_ink_stays_inside_the_frame_and_about_its_middle(ink):
    border = torch.ones(28, 28, dtype=torch.bool)
    border[1:-1, 1:-1] = False
    assert ink[..., border].sum() < 0.005 * ink.sum()
    place = (torch.arange(28) + 0.5) / 28
    mass = ink.sum((-1, -2))
    for axis in (-1, -2):
        centre = (ink.sum(axis) * place).sum(-1) / mass
        assert 0.42 < centre.mean() < 0.54
        assert 0.03 < centre.std() < 0.12


def test_drawings_of_a_class_are_alike_but_as_unlike_as_those_of_different_hands(ink):
    # Nearest neighbour by pixel cosine, 5 ways and 1 shot: about 0.5 with Omniglot, 0.2 by chance.
    generator = seeded()
    features = torch.nn.functional.normalize(ink.flatten(2), dim=-1)
    hits = []
    for _ in range(400):
        task = features[torch.randperm(300, generator=generator)[:5]]
        similarity = task[:, 1:].flatten(0, 1) @ task[:, 0].T
        hits.append(similarity.argmax(-1) == torch.arange(5).repeat_interleave(9))
    assert 0.42 < torch.cat(hits).float().mean() < 0.60


def test_a_larger_size_draws_the_same_glyphs_larger():
    small, middle, large = (glyphs.load(40, 4, seed=1, size=size).float() / 255 for size in (20, 28, 64))
    assert small.mean().item() == pytest.approx(middle.mean().item(), rel=0.05)
    assert large.mean().item() == pytest.approx(middle.mean().item(), rel=0.15)
    shrunk = torch.nn.functional.interpolate(large, (28, 28), mode="area")
    both = torch.stack([shrunk, middle]).flatten(1)
    assert torch.corrcoef(both)[0, 1] > 0.95


@pytest.mark.parametrize("name", ["num_classes", "num_drawings", "size"])
@pytest.mark.parametrize("value", [0, -1])
def test_fewer_than_one_of_anything_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}, but .* at least 1; pass {name}=1 or more"):
        glyphs.load(**{name: value})
