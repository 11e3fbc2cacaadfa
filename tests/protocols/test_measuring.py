import pytest
import torch

from quickstudy.core import UserError
from quickstudy.protocols.measuring import memory_refused_clearly, shown_by


def test_progress_is_shown_with_the_title() -> None:
    seen = []
    show = shown_by(lambda title, done: seen.append((title, done)), "5-way 1-shot")
    show(10)
    assert seen == [("5-way 1-shot", 10)]
    assert shown_by(None, "5-way 1-shot") is None


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("x"), RuntimeError("can't allocate memory")])
def test_too_little_memory_is_said_in_one_message(error: Exception) -> None:
    with pytest.raises(UserError, match="needs more memory than there is"), memory_refused_clearly():
        raise error


def test_other_errors_stay_as_they_are() -> None:
    with pytest.raises(RuntimeError, match="shape"), memory_refused_clearly():
        raise RuntimeError("shape")
