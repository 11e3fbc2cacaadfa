"""Public classes and functions explain their arguments, so that the API reference is complete."""

import inspect
from dataclasses import is_dataclass
from importlib import import_module
from typing import Any

import pytest

PACKAGES = (
    "baselines",
    "core",
    "datasets",
    "evaluation",
    "learners",
    "networks",
    "pretrained",
    "protocols",
    "recipes",
    "reproduction",
    "tasks",
    "testing",
    "training",
    "worlds",
)


def _public(package: str) -> list[tuple[str, Any]]:
    """Classes and functions of a package, but for those whose fields have texts of their own, and protocols."""
    module = import_module(f"quickstudy.{package}")
    found = [(name, getattr(module, name)) for name in getattr(module, "__all__", ())]
    return [(name, thing) for name, thing in found if inspect.isfunction(thing) or _has_arguments(thing)]


def _has_arguments(thing: Any) -> bool:
    """Whether it is a class whose constructor's arguments need a text."""
    if not inspect.isclass(thing) or issubclass(thing, Exception):
        return False
    return not (is_dataclass(thing) or hasattr(thing, "_fields") or getattr(thing, "_is_protocol", False))


def _text(thing: Any) -> str:
    own = inspect.getdoc(thing) or ""
    is_class = inspect.isclass(thing) and thing.__init__ is not object.__init__
    return own + (inspect.getdoc(thing.__init__) or "" if is_class else "")


@pytest.mark.parametrize("package", PACKAGES)
def test_each_argument_is_explained(package: str) -> None:
    missing = {}
    for name, thing in _public(package):
        parameters = [each for each in inspect.signature(thing).parameters if each not in ("args", "kwargs")]
        unexplained = [each for each in parameters if f"{each}:" not in _text(thing)]
        if unexplained:
            missing[name] = unexplained
    assert missing == {}
