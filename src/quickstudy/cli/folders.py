"""The folder of a run: which one it is, that nothing else is in it, and the command that goes on with it."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from quickstudy.core import Header, UserError, header_of
from quickstudy.training.run import BEST, LAST, PREVIOUS, is_new, newest_checkpoint, read_position

_NAMED = 5
"""Names of files in a message."""


class RunFolder(NamedTuple):
    """Where a training lies."""

    path: Path
    resumes: bool
    """Whether there is a training in it to go on with."""
    made: tuple[Path, ...] = ()
    """Folders that were not there before, the innermost first."""
    notice: str | None = None
    """What a person should know of how the training goes on."""

    @contextmanager
    def left_clean(self) -> Iterator[None]:
        """Remove the folders that were made, if whatever goes wrong meanwhile leaves nothing in them."""
        try:
            yield
        except BaseException:
            with suppress(OSError):  # From the first that is not empty on.
                for folder in self.made:
                    folder.rmdir()
            raise


def new_folder(name: str, out: Path | None) -> RunFolder:
    """Make the folder of a new run: the one given, or the next one of that name in runs/.

    Raises:
        UserError: if there is something in it already.
    """
    if out is None:
        return _next_free(Path("runs"), name)
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file. Choose another folder as --out.")
    if (out / LAST).exists() or (out / PREVIOUS).exists():
        raise UserError(
            f"{out} already holds a training. Go on with it by --resume {shlex.quote(str(out))}, "
            "or choose another --out."
        )
    if out.is_dir() and not is_new(out):
        raise UserError(f"{out} holds files already: {_names(out)}. Choose a new or an empty folder as --out.")
    made = _missing(out)
    out.mkdir(parents=True, exist_ok=True)
    return RunFolder(out, False, made)


def resumed_folder(name: str, resume: Path, out: Path | None) -> RunFolder:
    """The folder of a training that goes on, or that was stopped before it wrote anything.

    Raises:
        UserError: if it is not the folder of a run.
    """
    if not resume.is_dir():
        raise UserError(f"There is no folder {resume} to resume. Give the run's folder, or leave --resume out.")
    if out not in (None, resume):
        raise UserError(f"A training resumes in its own folder {resume}. Leave out --out {out}.")
    if (resume / LAST).exists() or (resume / PREVIOUS).exists():
        return RunFolder(resume, True, notice=_notice_if_not_last(resume))
    if is_new(resume):
        return RunFolder(resume, False, notice=f"{resume} holds nothing yet: starting from the first step.")
    runs = sorted(path.parent for path in resume.glob(f"*/{LAST}"))
    if runs:
        raise UserError(
            f"{resume} is not the folder of one run, but holds {_listed(map(str, runs))}. Give one of them."
        )
    if (resume / BEST).exists():
        raise UserError(
            f"{resume} holds weights, but no {LAST} to go on from. Begin another training with them: "
            f"quickstudy train {name} --start-from {shlex.quote(str(resume))}"
        )
    raise UserError(f"{resume} is not the folder of a run: it holds {_names(resume)}, but no {LAST}.")


def stored_header(folder: Path) -> Header:
    """What was known of a training before its first step.

    Raises:
        UserError: if that cannot be read, or is not of a training.
    """
    path = newest_checkpoint(folder)
    header = header_of(path)
    read_position(header, path)
    if header.seed is None:
        raise UserError(f"No training can go on from {path}: its header has no seed. Train again.")
    return replace(header, step=None, position=None)


def resume_command(name: str, folder: Path, options: Mapping[str, Any]) -> str:
    """What to type to go on with a training: the options that its folder does not remember."""
    words = ["quickstudy", "train", name, "--resume", str(folder)]
    for option, value in options.items():
        words.append(f"--{option.replace('_', '-')}")
        words += [] if value is True else [str(value)]
    return shlex.join(words)


def _next_free(parent: Path, name: str) -> RunFolder:
    number, made = 1, _missing(parent)
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        folder = parent / f"{name}-{number}"
        try:
            folder.mkdir()  # Made at once, so that of two trainings begun together each has its own.
        except FileExistsError:
            number += 1
        else:
            return RunFolder(folder, False, (folder, *made))


def _missing(folder: Path) -> tuple[Path, ...]:
    return tuple(path for path in (folder, *folder.parents) if not path.exists())


def _notice_if_not_last(folder: Path) -> str | None:
    path = newest_checkpoint(folder)
    if path.name == LAST:
        return None
    step = read_position(header_of(path), path).step
    state = "damaged" if (folder / LAST).exists() else "missing"
    return f"{folder / LAST} is {state}: going on from {path.name}, which is of step {step}."


def _names(folder: Path) -> str:
    return _listed(sorted(path.name for path in folder.iterdir()))


def _listed(names: Any) -> str:
    named = list(names)
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return ", ".join(named[:_NAMED]) + more
