import pytest
import torch
from PIL import Image

from quickstudy.core import Tasks, UserError, categorical
from quickstudy.evaluation.episode_pictures import save_episode

CELL, FRAME, HEAD, GAP = 64, 3, 30, 24
GREY, GREEN, RED = (140, 140, 140), (38, 150, 70), (205, 45, 45)
LEFT = GAP + 2 * CELL + GAP
TRUTH = [1, 0, 2, 0, 1, 2, 2, 0, 1]


@pytest.fixture
def episode() -> Tasks:
    """Two 3-way tasks of two supports and three queries a class; the ink of an image is its label's half."""
    support_y, query_y = torch.tensor([[2, 0, 1, 1, 0, 2]] * 2), torch.tensor([TRUTH] * 2)
    x, q = (labels.view(2, -1, 1, 1, 1).expand(-1, -1, 1, 28, 28) / 2 for labels in (support_y, query_y))
    return Tasks(x, support_y, q, query_y)


def answering(answers):
    logits = torch.nn.functional.one_hot(torch.tensor([answers, [0] * len(answers)]), 3) * 10.0
    return categorical(logits)


def drawn(path, episode, answers) -> Image.Image:
    save_episode(path, episode, answering(answers))
    with Image.open(path) as image:
        return image.convert("RGB")


def query_frames(image, each=3):
    return [[image.getpixel((LEFT + CELL * place, HEAD + CELL * way)) for place in range(each)] for way in range(3)]


def test_the_sheet_has_room_for_all_images_and_margins(tmp_path, episode):
    assert drawn(tmp_path / "a.png", episode, TRUTH).size == (3 * GAP + CELL * (2 + 3), HEAD + 3 * CELL + GAP)


def test_right_answers_are_framed_in_green(tmp_path, episode):
    assert query_frames(drawn(tmp_path / "a.png", episode, TRUTH)) == [[GREEN] * 3] * 3


def test_wrong_answers_are_framed_in_red_at_their_place(tmp_path, episode):
    answers = TRUTH.copy()
    answers[3], answers[8] = 2, 0  # The second query of class 0, and the third of class 1.
    frames = query_frames(drawn(tmp_path / "a.png", episode, answers))
    assert frames == [[GREEN, RED, GREEN], [GREEN, GREEN, RED], [GREEN] * 3]


def test_a_wrong_answer_is_named_inside_its_frame(tmp_path, episode):
    answers = TRUTH.copy()
    answers[1] = 2
    image = drawn(tmp_path / "a.png", episode, answers)
    inside = image.crop((LEFT + 5, HEAD + 5, LEFT + 20, HEAD + 20))
    beside = image.crop((LEFT + CELL + 5, HEAD + 5, LEFT + CELL + 20, HEAD + 20))
    assert any(red > green + 100 for _, (red, green, _) in inside.getcolors())
    assert len(beside.getcolors()) == 1


def test_the_support_is_framed_in_grey_on_the_left(tmp_path, episode):
    image = drawn(tmp_path / "a.png", episode, TRUTH)
    corners = [image.getpixel((GAP + CELL * place, HEAD + CELL * way)) for place in range(2) for way in range(3)]
    assert corners == [GREY] * 6


def test_every_row_is_of_one_class_and_ink_is_dark(tmp_path, episode):
    image = drawn(tmp_path / "a.png", episode, TRUTH)
    middle = CELL // 2
    lefts = [GAP, GAP + CELL, LEFT, LEFT + CELL, LEFT + 2 * CELL]
    for way, shade in enumerate([255, 127, 0]):
        shades = [image.getpixel((left + middle, HEAD + CELL * way + middle)) for left in lefts]
        assert shades == [(shade,) * 3] * 5


def test_images_are_upright(tmp_path, episode):
    x = torch.zeros(2, 6, 1, 28, 28)
    x[:, :, :, :14, 14:] = 1.0  # Above on the right.
    image = drawn(tmp_path / "a.png", episode._replace(support_x=x), TRUTH)
    quarters = [image.getpixel((GAP + right, HEAD + down)) for down in (16, 46) for right in (16, 46)]
    assert quarters == [(255,) * 3, (0,) * 3, (255,) * 3, (255,) * 3]


def test_only_the_first_task_is_drawn(tmp_path, episode):
    one = drawn(tmp_path / "one.png", episode, TRUTH)
    other = episode._replace(query_x=torch.stack([episode.query_x[0], torch.rand(9, 1, 28, 28)]))
    assert one.tobytes() == drawn(tmp_path / "other.png", other, TRUTH).tobytes()


def test_missing_folders_are_made(tmp_path, episode):
    save_episode(tmp_path / "runs" / "first" / "episode.png", episode, answering(TRUTH))
    assert (tmp_path / "runs" / "first" / "episode.png").stat().st_size > 0


def test_colour_images_and_ink_beyond_its_range_can_be_drawn(tmp_path, episode):
    wild = episode._replace(support_x=torch.full((2, 6, 3, 20, 20), 7.0), query_x=torch.full((2, 9, 3, 20, 20), -3.0))
    image = drawn(tmp_path / "a.png", wild, TRUTH)
    assert image.getpixel((GAP + CELL // 2, HEAD + CELL // 2)) == (0, 0, 0)
    assert image.getpixel((LEFT + CELL // 2, HEAD + CELL // 2)) == (255, 255, 255)


def test_classes_may_differ_in_their_number_of_queries(tmp_path, episode):
    fewer = episode._replace(query_x=episode.query_x[:, :5], query_y=episode.query_y[:, :5])
    image = drawn(tmp_path / "a.png", fewer, TRUTH[:5])
    assert image.size[0] == 3 * GAP + CELL * (2 + 2)
    white = (255, 255, 255)
    assert query_frames(image, 2) == [[GREEN, GREEN], [GREEN, GREEN], [GREEN, white]]


def test_inputs_that_are_no_images_are_refused(tmp_path, episode):
    vectors = episode._replace(support_x=episode.support_x.flatten(2), query_x=episode.query_x.flatten(2))
    with pytest.raises(UserError, match=r"shape \(784,\), but an image"):
        save_episode(tmp_path / "a.png", vectors, answering(TRUTH))
