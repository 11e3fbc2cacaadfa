"""What is left to Python where a learner is compiled: checks of numbers, and what is differentiated twice."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def not_compiled(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """The same function, which `torch.compile` calls and does not trace.

    `torch.compiler.disable` loads the compiler where a module is imported, and that takes as long as loading all of
    torch. Here this waits until something else has loaded it: nothing is compiled before.

    Args:
        function: A function or a method.
    """
    disabled: dict[str, Any] = {}

    def call(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        if "torch._dynamo" not in sys.modules:
            return function(*args, **kwargs)
        if "function" not in disabled:
            disabled["function"] = torch.compiler.disable(function)
        result: _Result = disabled["function"](*args, **kwargs)
        return result

    call.__code__ = call.__code__.replace(co_name=function.__name__)  # The compiler keeps what it knows of each code.
    return wraps(function)(call)
