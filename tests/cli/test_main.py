"""How commands end: an exit code, and one message."""

import errno

import pytest

from quickstudy.cli import listing
from quickstudy.cli.options import check_count, check_seed
from quickstudy.core import UserError
from quickstudy.datasets import DataError
from quickstudy.training import NonFiniteLossError


def _noted(error: BaseException, note: str) -> BaseException:
    error.add_note(note)
    return error


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UserError("too few"), 2, "quickstudy list: too few"),
        (DataError("no data"), 2, "quickstudy list: no data"),
        (NonFiniteLossError("nan at step 7"), 1, "quickstudy list: nan at step 7"),
        (_noted(KeyboardInterrupt(), "Go on with: this"), 130, "quickstudy list: stopped.\nGo on with: this"),
        (OSError(errno.ENOSPC, "No space left on device", "x"), 2, "No space left on device: 'x'. Make room"),
        (OSError(errno.EFBIG, "File too large"), 2, "File too large. Make room"),
        (MemoryError(), 2, "there is too little memory for this"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), 2, "too little memory"),
        (RuntimeError("CUDA out of memory. Tried to allocate 20 GiB"), 2, "too little memory"),
    ],
    ids=repr,
)
def test_what_a_user_can_mend_is_one_message(
    quickstudy, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, message: str
) -> None:
    monkeypatch.setattr(listing, "run", _raising(error))
    ended, out, err = quickstudy("list")
    assert (ended, out) == (code, "")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), OSError(errno.EIO, "broken"), KeyError("x")], ids=repr
)
def test_a_fault_of_ours_keeps_its_traceback(quickstudy, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(listing, "run", _raising(error))
    with pytest.raises(type(error)):
        quickstudy("list")


def _raising(error: BaseException):
    def run(arguments: list[str]) -> int:
        raise error

    return run


def test_a_command_that_is_none_is_told_with_those_there_are(quickstudy) -> None:
    code, _, err = quickstudy("tarin")
    assert code == 2
    assert "There is no command 'tarin'" in err
    assert "usage: quickstudy" in err


def test_seeds_and_counts_that_mean_nothing_are_refused() -> None:
    for seed in (0, 2**63 - 1):
        check_seed(seed)
    for seed in (-1, 2**63):
        with pytest.raises(UserError, match=f"--seed {seed} was given"):
            check_seed(seed)
    check_count("--tasks", 1, 1)
    with pytest.raises(UserError, match="--tasks 0 was given, but a whole number from 1 was expected"):
        check_count("--tasks", 0, 1)
