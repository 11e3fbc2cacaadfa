from types import SimpleNamespace

import pytest

from quickstudy.cli import freed_memory


def _asked(monkeypatch: pytest.MonkeyPatch, platform: str, library: object) -> None:
    monkeypatch.setattr(freed_memory.sys, "platform", platform)
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda name: library)
    freed_memory.keep_freed_memory()


def test_glibc_is_told_to_keep_large_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[int, int] = {}
    _asked(monkeypatch, "linux", SimpleNamespace(mallopt=told.__setitem__))
    assert set(told) == {-1, -2, -3}
    assert all(0 < value < 2**31 for value in told.values()), "mallopt takes an int"


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    _asked(monkeypatch, "linux", SimpleNamespace())


def test_another_system_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: int) -> None:
        raise AssertionError("asked")

    _asked(monkeypatch, "darwin", SimpleNamespace(mallopt=refuse))
