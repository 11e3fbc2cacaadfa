"""Places to write to are tried before the work begins, so that no result is lost for want of one."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from quickstudy.core import UserError


def check_file(option: str, path: Path) -> None:
    """Raise UserError where a file cannot be written. Nothing that was there before is changed.

    Args:
        option: The option that names the file.
        path: The file.
    """
    try:
        is_folder = path.is_dir()
    except OSError as error:
        raise _not_writable(option, path, error) from None
    if is_folder:
        raise UserError(
            f"{option} {path} was given, but this is a folder. Give the name of a file, such as {path}/NAME."
        )
    _try(option, path, path.parent, path.name)


def check_folder(option: str, folder: Path) -> None:
    """Raise UserError where no file can be written into a folder. It is not made yet.

    Args:
        option: The option that names the folder.
        folder: The folder.
    """
    _try(option, folder, folder, "")


def _try(option: str, path: Path, folder: Path, name: str) -> None:
    """Make the folder and a file in it with a name as long as it will have, and remove what was made."""
    made: tuple[Path, ...] = ()
    try:
        made = tuple(each for each in (folder, *folder.parents) if not each.exists())
        folder.mkdir(parents=True, exist_ok=True)
        handle, tried = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
        os.close(handle)
        os.unlink(tried)
    except OSError as error:
        raise _not_writable(option, path, error) from None
    finally:
        with suppress(OSError):  # From the first that is not empty or was not made.
            for each in made:
                each.rmdir()


def _not_writable(option: str, path: Path, error: OSError) -> UserError:
    where = "" if error.filename is None else f" ({error.filename})"
    return UserError(
        f"{option} {path} was given, but nothing can be written there: {error.strerror}{where}. Choose another place."
    )
