"""What is not compiled runs as it is, and nothing loads the compiler before it is needed."""

import subprocess
import sys

import torch
from torch import Tensor

from quickstudy.core.compiling import not_compiled


def test_loading_the_package_does_not_load_the_compiler() -> None:
    code = "import sys, quickstudy.core, quickstudy.learners; sys.exit('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_compiled_function_calls_it_and_does_not_trace_it() -> None:
    was_traced = []

    @not_compiled
    def checked(x: Tensor) -> Tensor:
        was_traced.append(torch.compiler.is_compiling())
        return 2 * x

    compiled = torch.compile(lambda x: checked(x + 1) + 1, backend="eager")
    for _ in range(2):  # The first call compiles.
        assert torch.equal(compiled(torch.ones(3)), torch.full((3,), 5.0))
    assert was_traced == [False, False]


def test_it_keeps_its_name_and_says_what_it_says() -> None:
    @not_compiled
    def checked() -> None:
        """Check."""

    assert (checked.__name__, checked.__doc__) == ("checked", "Check.")
