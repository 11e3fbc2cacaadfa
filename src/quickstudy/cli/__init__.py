"""The command line: `quickstudy predict`, `adapt`, `list`, `train`, `evaluate`, `reproduce`, `export`, `card`.

Exit code 0 on success, 2 on a mistake that the user can mend (one message, no traceback), 1 on ours.
"""

import errno
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from quickstudy import __version__

_COMMANDS = {
    "predict": "name your own images, or predict rows of a table, from a few examples",
    "adapt": "read examples once, and keep what was learnt in a file",
    "list": "recipes to train, and trained weights",
    "train": "train a recipe's learner, and evaluate it on classes that it has never seen",
    "evaluate": "evaluate trained weights or a run folder",
    "reproduce": "train the shipped weights again, and compare the figures",
    "export": "write a learner as graphs for torch and for ONNX",
    "card": "what is to be known of trained weights: data, command, figures, calibration, limits",
}


_USERS_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EFBIG}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help"):
        print(_usage())
        return 0 if given else 2
    if given[0] == "--version":
        print(__version__)
        return 0
    if given[0] not in _COMMANDS:
        print(f"There is no command '{given[0]}'.\n\n{_usage()}", file=sys.stderr)
        return 2
    # Not "list": the module would hide the built-in of that name from this file.
    return _run(given[0], "listing" if given[0] == "list" else given[0], given[1:])


def _run(command: str, module: str, arguments: list[str]) -> int:
    # Late: a command brings torch along, which `--help` need not wait for.
    run: Callable[[list[str]], int] = import_module(f"quickstudy.cli.{module}").run
    from quickstudy.cli.freed_memory import keep_freed_memory
    from quickstudy.core import UserError
    from quickstudy.datasets import DataError
    from quickstudy.training import NonFiniteLossError

    keep_freed_memory()
    try:
        return run(arguments)
    except (UserError, DataError) as error:
        return _told(command, error, str(error), 2)
    except NonFiniteLossError as error:
        return _told(command, error, str(error), 1)
    except OSError as error:
        if error.errno not in _USERS_DISK:
            raise
        return _told(command, error, f"{error}. Make room, or choose another folder.", 2)
    except (MemoryError, RuntimeError) as error:
        if not _is_want_of_memory(error):
            raise
        return _told(command, error, "there is too little memory for this. Ask for less at a time.", 2)
    except KeyboardInterrupt as error:
        return _told(command, error, "stopped.", 130)


def _told(command: str, error: BaseException, message: str, code: int) -> int:
    """Say what happened and, where somebody noted it, how to go on; return the exit code."""
    print("\n".join((f"quickstudy {command}: {message}", *getattr(error, "__notes__", ()))), file=sys.stderr)
    return code


def _is_want_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(
        words in str(error) for words in ("can't allocate memory", "out of memory", "DefaultCPUAllocator")
    )


def _usage() -> str:
    lines = [f"  {name:10}{meaning}" for name, meaning in _COMMANDS.items()]
    return "\n".join(
        [
            "usage: quickstudy COMMAND [OPTIONS]",
            "",
            "Networks that learn a new task by reading a few labelled examples.",
            "",
            *lines,
            "",
            "quickstudy COMMAND --help shows the options of a command.",
        ]
    )
