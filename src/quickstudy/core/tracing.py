"""What a learner leaves out while its graph is traced: checks of numbers, and choices that depend on them.

A graph has no exceptions and no branches on values. So within `traced` the input checks return what they are given, the
number of classes is that of the graph's input, and predictions check no arguments.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch.distributions import Distribution

_ways: ContextVar[Any] = ContextVar("ways", default=None)


@contextmanager
def traced(num_ways: Any = 0) -> Iterator[None]:
    """Within it, learners compute as a graph does.

    Args:
        num_ways: N, the number of classes, which may be symbolic. Zero where no class is counted.
    """
    token = _ways.set(num_ways)
    checks_arguments = Distribution._validate_args
    Distribution.set_default_validate_args(False)  # torch's own checks of a distribution read numbers too.
    try:
        yield
    finally:
        Distribution.set_default_validate_args(checks_arguments)
        _ways.reset(token)


def is_traced() -> bool:
    """Whether a graph is being traced."""
    return _ways.get() is not None


def traced_ways() -> Any:
    """The number of classes of the graph that is being traced."""
    return _ways.get()
