import sys

import gymnasium
import pytest

from quickstudy.core import UserError
from quickstudy.worlds import WORLDS, register_worlds


def test_worlds_are_known_to_gymnasium_once_they_are_registered() -> None:
    register_worlds()
    register_worlds()
    assert set(WORLDS) <= set(gymnasium.registry)


def test_without_gymnasium_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(UserError, match=r"quickstudy\[rl\]"):
        register_worlds()
