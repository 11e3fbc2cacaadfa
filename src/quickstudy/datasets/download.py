"""Checked downloads and the user's cache folder, for the data sets that have to be fetched."""

import hashlib
import http.client
import os
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

_CHUNK_BYTES = 1 << 16


class DataError(ValueError):
    """A data set that is missing, damaged or not what it claims to be: what came, what to do."""


class _TransferError(Exception):
    """One failed attempt to fetch a file; another may succeed."""


def cache_folder() -> Path:
    """Return the folder for downloaded and derived files, which need not exist yet.

    Raises:
        DataError: neither XDG_CACHE_HOME nor a home folder is there to put it in.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification asks that relative paths be ignored.
    if base.is_absolute():
        return base / "quickstudy"
    try:
        return Path.home() / ".cache" / "quickstudy"
    except RuntimeError as error:
        raise DataError(
            "No home folder is known to keep the cache in: set XDG_CACHE_HOME to an absolute path."
        ) from error


def checksum(path: Path) -> str:
    """Return the MD5 checksum of a file in hexadecimal.

    Args:
        path: The file.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, _md5).hexdigest()


@contextmanager
def atomic_file(target: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that becomes the target when the block ends, or vanishes when it fails.

    Several processes may write the same target at once; each leaves a whole file.

    Args:
        target: The file. Its folder is made if it does not exist.

    Raises:
        OSError: the folder cannot be made or written, or the disk is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def storage_error(target: Path, error: OSError) -> DataError:
    """Return the error to raise when a file could not be written.

    Args:
        target: The file.
        error: The system's error.
    """
    return DataError(
        f"Cannot write {target}: {error.strerror or error}. Nothing half-written was kept. "
        "Free space or mend the permissions there, or set XDG_CACHE_HOME to another folder."
    )


def download(
    url: str,
    target: Path,
    md5: str,
    *,
    attempts: int = 3,
    timeout_seconds: float = 30,
    wait: Callable[[float], object] = time.sleep,
) -> Path:
    """Fetch a file and return its path; the target is only ever absent or has the right checksum.

    A target that already has the checksum is kept without asking the network.

    Args:
        url: where the file lies.
        target: where it goes; its folder is made if need be.
        md5: the checksum that its bytes must have, in hexadecimal.
        attempts: how often to try before giving up.
        timeout_seconds: how long the server may stay silent.
        wait: called between attempts with a number of seconds, which doubles each time.

    Raises:
        DataError: every attempt failed, or the target could not be written.
    """
    reason = ""
    try:
        if target.is_file() and checksum(target) == md5:
            return target
        for attempt in range(attempts):
            if attempt > 0:
                wait(2.0 ** (attempt - 1))
            try:
                return _attempt(url, target, md5, timeout_seconds)
            except _TransferError as error:
                reason = str(error)
    except OSError as error:
        raise storage_error(target, error) from error
    raise DataError(
        f"Could not download {url} in {attempts} attempts; the last one: {reason}. "
        f"Either download it yourself and save it as {target}, or set QUICKSTUDY_DATA "
        "to a folder that holds it."
    )


def _attempt(url: str, target: Path, md5: str, timeout_seconds: float) -> Path:
    digest = _md5()
    # A full disk must end the progress display and the connection at once, hence `closing`.
    with atomic_file(target) as file, closing(_receive(url, target.name, timeout_seconds)) as chunks:
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
        if digest.hexdigest() != md5:
            raise _TransferError(f"wrong checksum: MD5 {digest.hexdigest()} came, {md5} was expected")
    return target


def _receive(url: str, label: str, timeout_seconds: float) -> Generator[bytes, None, None]:
    """Yield the body in chunks. Network errors become _TransferError, so that the caller's own
    OSErrors are about the disk."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_seconds) as response:
            length = response.headers.get("Content-Length", "")
            expected = int(length) if length.isdecimal() else None
            received = yield from _chunks(response, label, expected)
    except urllib.error.HTTPError as error:
        error.close()
        raise _TransferError(f"the server answered {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _TransferError(f"no connection: {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _TransferError(f"the connection broke: {error or type(error).__name__}") from error
    if expected is not None and received != expected:
        raise _TransferError(f"truncated: {received} bytes came, {expected} were expected")


def _chunks(response: http.client.HTTPResponse, label: str, expected: int | None) -> Generator[bytes, None, int]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    received = 0
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(f"Downloading {label}", total=expected)
        while chunk := response.read(_CHUNK_BYTES):
            received += len(chunk)
            progress.advance(task, len(chunk))
            yield chunk
    return received


def _md5() -> "hashlib._Hash":
    # A checksum against accidents. Hardened systems refuse MD5 unless it is marked as such.
    return hashlib.md5(usedforsecurity=False)
