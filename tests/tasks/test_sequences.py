import pytest
import torch

from quickstudy.core import UserError
from quickstudy.tasks import Augmentation, Jitter
from quickstudy.tasks.sequences import GeneratedSequences, InstanceSequences, SequenceLayout


@pytest.fixture
def numbered() -> torch.Tensor:
    """Thirty classes of twelve drawings of one number each: class · 100 + drawing."""
    return (100.0 * torch.arange(30)[:, None] + torch.arange(12))[..., None]


def drawn(images, generator, count=40, **layout):
    """Classes, drawings and labels of sequences, support and query in a row."""
    tasks = InstanceSequences(images, SequenceLayout(**layout)).sample(count, generator)
    number = torch.cat([tasks.support_x, tasks.query_x], dim=1)[..., 0].long()
    return number // 100, number % 100, torch.cat([tasks.support_y, tasks.query_y], dim=1)


def test_a_sequence_is_a_task_whose_last_item_is_the_query(glyph_images, generator):
    tasks = InstanceSequences(glyph_images, SequenceLayout(classes=5, instances=10)).sample(3, generator)
    assert tasks.support_x.shape == (3, 49, 1, 28, 28)
    assert tasks.support_y.shape == (3, 49)
    assert tasks.query_x.shape == (3, 1, 1, 28, 28)
    assert tasks.query_y.shape == (3, 1)
    assert 0 <= float(tasks.support_x.min()) < float(tasks.support_x.max()) <= 1


def test_every_class_comes_as_often_as_asked_and_never_with_the_same_drawing(numbered, generator):
    classes, drawings, labels = drawn(numbered, generator, classes=4, instances=10)
    for task in range(len(classes)):
        for label in range(4):
            members = labels[task] == label
            assert members.sum() == 10
            assert len(classes[task][members].unique()) == 1
            assert len(drawings[task][members].unique()) == 10
        assert len(classes[task].unique()) == 4


def test_a_given_length_is_drawn_at_random_without_repetition(numbered, generator):
    classes, drawings, labels = drawn(numbered, generator, classes=4, length=15)
    assert labels.shape == (40, 15)
    counts = torch.nn.functional.one_hot(labels, 4).sum(dim=1)
    assert len(counts.unique()) > 3
    for task in range(len(classes)):
        assert len({*zip(classes[task].tolist(), drawings[task].tolist(), strict=True)}) == 15
        pairs = {*zip(classes[task].tolist(), labels[task].tolist(), strict=True)}
        assert len(pairs) == len(classes[task].unique()) == len(labels[task].unique())


def test_items_come_in_random_order(numbered, generator):
    _, _, labels = drawn(numbered, generator, count=2000, classes=3, instances=3)
    shares = torch.nn.functional.one_hot(labels, 3).double().mean(dim=0)
    assert torch.allclose(shares, torch.full_like(shares, 1 / 3), atol=0.05)
    repeats = (labels[:, 1:] == labels[:, :-1]).double().mean()
    assert float(repeats) == pytest.approx(2 / 8, abs=0.02)


def test_labels_say_nothing_of_the_classes(numbered, generator):
    classes, _, labels = drawn(numbered[:3], generator, count=3000, classes=3, instances=1)
    for label in range(3):
        shares = torch.bincount(classes[labels == label], minlength=3) / 3000
        assert torch.allclose(shares, torch.full((3,), 1 / 3), atol=0.04)


def test_every_class_has_a_string_of_its_own(numbered, generator):
    classes, _, labels = drawn(numbered, generator, classes=6, instances=3, labels="strings")
    assert labels.shape == (40, 18, 5)
    assert 0 == int(labels.min()) < int(labels.max()) == 4
    for task in range(len(classes)):
        pairs = {(int(one), *string) for one, string in zip(classes[task], labels[task].tolist(), strict=True)}
        assert len(pairs) == 6
        assert len({pair[1:] for pair in pairs}) == 6


def test_strings_are_fresh_in_every_sequence_and_their_characters_uniform(numbered, generator):
    _, _, labels = drawn(numbered[:2], generator, count=2000, classes=2, instances=1, labels="strings")
    shares = torch.nn.functional.one_hot(labels, 5).double().mean(dim=(0, 1))
    assert torch.allclose(shares, torch.full_like(shares, 0.2), atol=0.03)


@pytest.mark.parametrize(("letters", "order"), [(1, [0, 0, 0, 0, 0]), (2, [0, 1, 0, 1, 0]), (4, [0, 1, 2, 3, 0])])
def test_letters_that_are_not_drawn_repeat_those_that_are(letters, order, numbered, generator):
    _, _, labels = drawn(numbered, generator, 500, classes=5, instances=1, labels="strings", letters=letters)
    assert torch.equal(labels, labels[..., order])
    assert all(len(strings.unique(dim=0)) == 5 for strings in labels)
    assert len(labels.flatten(0, 1).unique(dim=0)) == pytest.approx(5**letters, rel=0.1)


def test_the_same_generator_draws_the_same_sequences(glyph_images):
    for labels in ("indices", "strings"):
        sequences = InstanceSequences(glyph_images, SequenceLayout(labels=labels, jitter=Jitter()))
        one, again, other = (sequences.sample(2, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
        assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
        assert not torch.equal(one.support_x, other.support_x)


def test_the_number_of_classes_can_be_drawn_for_each_batch(numbered, generator):
    lengths = {drawn(numbered, generator, count=1, classes=(2, 4), instances=2)[2].shape[1] for _ in range(30)}
    assert lengths == {4, 6, 8}


def test_the_number_of_instances_can_be_drawn_for_each_batch(numbered, generator):
    lengths = {drawn(numbered, generator, count=1, classes=2, instances=(1, 3))[2].shape[1] for _ in range(30)}
    assert lengths == {2, 4, 6}
    made = GeneratedSequences(numbering(), SequenceLayout(classes=2, instances=(1, 3)))
    assert {made.sample(1, generator).support_y.shape[1] + 1 for _ in range(30)} == {2, 4, 6}


def test_jitter_moves_every_drawing_by_itself(glyph_images, generator):
    same = glyph_images[:1, :1].expand(5, 2, 28, 28)
    x = InstanceSequences(same, SequenceLayout(instances=2, jitter=Jitter())).sample(1, generator).support_x[0]
    assert not torch.equal(x[0], x[1])


def test_moving_keeps_the_sequences(glyph_images, generator):
    moved = InstanceSequences(glyph_images, SequenceLayout(instances=2)).to("cpu")
    assert moved.device == torch.device("cpu")
    assert moved.sample(1, generator).support_y.shape == (1, 9)


@pytest.mark.parametrize(
    ("layout", "complaint"),
    [
        ({"classes": 31}, "1 to 30 classes"),
        ({"classes": 0}, "1 to 30 classes"),
        ({"classes": (5, 2)}, "lowest first"),
        ({"instances": 13}, "every class has 12"),
        ({"instances": 0}, "every class has 12"),
        ({"instances": (2, 13)}, "every class has 12"),
        ({"instances": (3, 2)}, "lowest first"),
        ({"classes": 1, "instances": 1}, "sequence of 1 items"),
        ({"classes": 2, "length": 25}, "2 classes have 2 to 24"),
        ({"labels": "strings", "letters": 0}, "1 to 5 was expected"),
        ({"labels": "strings", "letters": 6}, "1 to 5 was expected"),
        ({"labels": "strings", "letters": 1, "classes": 6}, "6 classes need a string each"),
    ],
)
def test_what_cannot_be_drawn_is_refused(numbered, layout, complaint):
    with pytest.raises(UserError, match=complaint):
        InstanceSequences(numbered, SequenceLayout(**layout))


def test_an_augmentation_that_is_none_is_refused(glyph_images):
    with pytest.raises(UserError, match="expected of an augmentation"):
        InstanceSequences(glyph_images, SequenceLayout(jitter=Augmentation().times(-1)))


def test_images_without_classes_are_refused():
    with pytest.raises(UserError, match=r"\(classes, examples, H, W\)"):
        InstanceSequences(torch.zeros(5, 4))


# Sequences over classes made on the spot.


def numbering():
    """A maker of classes of one number for each drawing, which goes on where it stopped."""
    made = 0

    def draw(num_classes, num_drawings, generator):
        nonlocal made
        numbers = 100.0 * torch.arange(made, made + num_classes)[:, None] + torch.arange(num_drawings)
        made += num_classes
        return numbers[..., None]

    return draw


def test_generated_sequences_never_meet_the_classes_of_another_batch(generator):
    sequences = GeneratedSequences(numbering(), SequenceLayout(classes=(2, 4), instances=3))
    batches = [sequences.sample(5, generator) for _ in range(6)]
    seen = [{int(number) // 100 for number in batch.support_x.flatten()} for batch in batches]
    assert sum(map(len, seen)) == len(set.union(*seen))


def test_generated_sequences_are_laid_out_as_asked(generator):
    tasks = GeneratedSequences(numbering(), SequenceLayout(classes=4, instances=3, labels="strings")).sample(
        5, generator
    )
    assert tasks.support_x.shape == (5, 11, 1)
    assert tasks.support_y.shape == (5, 11, 5)
    numbers = torch.cat([tasks.support_x, tasks.query_x], dim=1).flatten(1)
    assert all(len(row.unique()) == 12 and len((row // 100).unique()) == 4 for row in numbers)


def test_generated_sequences_move(generator):
    sequences = GeneratedSequences(numbering(), SequenceLayout(classes=2, instances=2))
    assert sequences.to("meta").device == torch.device("meta")
    assert sequences.device == torch.device("cpu")


def test_sequences_of_a_batch_share_a_drawn_number_of_classes_or_drawings():
    def shared(**layout) -> bool:
        return InstanceSequences(torch.rand(5, 4, 3, 3), SequenceLayout(**layout)).draws_by_batch

    assert shared(classes=(2, 3), instances=2)
    assert shared(classes=2, instances=(2, 3))
    assert not shared(classes=2, instances=2)
