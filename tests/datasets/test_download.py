"""Downloads arrive whole and checked, or not at all."""

import errno
import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from quickstudy.datasets.download import DataError, cache_folder, download

BODY = b"drawings" * 40_000
MD5 = hashlib.md5(BODY).hexdigest()
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Gives its answers in turn, the last one again and again."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.num_requests = 0
        self.url = f"http://127.0.0.1:{self.server_port}/images.zip"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        answers = self.server.answers
        answer = answers[min(self.server.num_requests, len(answers) - 1)]
        self.server.num_requests += 1
        answer(self)

    def log_message(self, format: str, *args: object) -> None:
        pass


def whole(handler: BaseHTTPRequestHandler) -> None:
    send(handler, BODY)


def other_bytes(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"<html>Please log in to this network</html>")


def half(handler: BaseHTTPRequestHandler) -> None:
    send(handler, BODY[: len(BODY) // 2], length=len(BODY))


def missing(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(404)


def silence(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(0.5)


def send(handler: BaseHTTPRequestHandler, body: bytes, length: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "images.zip"


class Waits(list[float]):
    """A wait function which takes no time and remembers what it was asked for."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def assert_nothing_was_left(target: Path) -> None:
    assert not target.parent.exists() or list(target.parent.iterdir()) == []


def test_a_file_arrives_whole_and_alone(server: Server, target: Path) -> None:
    server.answers = [whole]
    assert download(server.url, target, MD5) == target
    assert target.read_bytes() == BODY
    assert list(target.parent.iterdir()) == [target]


def test_progress_goes_to_stderr(server: Server, target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers = [whole]
    download(server.url, target, MD5)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Downloading images.zip" in captured.err


def test_a_file_that_is_there_is_not_fetched_again(server: Server, target: Path) -> None:
    server.answers = [whole]
    download(server.url, target, MD5)
    download(server.url, target, MD5)
    assert server.num_requests == 1


def test_a_file_with_other_bytes_is_replaced(server: Server, target: Path) -> None:
    server.answers = [whole]
    target.parent.mkdir()
    target.write_bytes(b"other")
    download(server.url, target, MD5)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("failure", [other_bytes, half, missing], ids=lambda failure: failure.__name__)
def test_a_failure_is_followed_by_another_attempt(server: Server, target: Path, failure: Answer) -> None:
    server.answers = [failure, failure, whole]
    waits = Waits()
    download(server.url, target, MD5, wait=waits)
    assert target.read_bytes() == BODY
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (other_bytes, f"wrong checksum.*{MD5} was expected"),
        # From Python 3.12 on, http.client notices before we do.
        (half, "truncated|IncompleteRead"),
        (missing, "404"),
    ],
)
def test_the_last_failure_is_told_and_leaves_nothing(
    server: Server, target: Path, failure: Answer, reason: str
) -> None:
    server.answers = [failure]
    waits = Waits()
    with pytest.raises(DataError, match=reason):
        download(server.url, target, MD5, wait=waits)
    assert server.num_requests == 3
    assert waits == [1.0, 2.0]
    assert_nothing_was_left(target)


def test_a_failed_download_keeps_the_file_that_was_there(server: Server, target: Path) -> None:
    server.answers = [other_bytes]
    target.parent.mkdir()
    target.write_bytes(b"older release")
    with pytest.raises(DataError):
        download(server.url, target, MD5, wait=Waits())
    assert target.read_bytes() == b"older release"


def test_a_silent_server_is_not_waited_for(server: Server, target: Path) -> None:
    server.answers = [silence]
    with pytest.raises(DataError, match="timed out"):
        download(server.url, target, MD5, attempts=1, timeout_seconds=0.05)
    assert_nothing_was_left(target)


def test_without_a_network_the_message_says_how_to_get_the_file_by_hand(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/images.zip"
        with pytest.raises(DataError) as raised:
            download(url, target, MD5, wait=Waits())
    for part in (url, str(target), "no connection", "download it yourself", "QUICKSTUDY_DATA"):
        assert part in str(raised.value)
    assert_nothing_was_left(target)


def test_a_full_disk_is_told_at_once_and_leaves_nothing(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    server.answers = [whole]
    with pytest.raises(DataError, match=r"No space left on device.*XDG_CACHE_HOME"):
        download(server.url, target, MD5, wait=Waits())
    assert server.num_requests == 1
    assert_nothing_was_left(target)


def test_a_folder_that_cannot_be_made_is_named(server: Server, tmp_path: Path) -> None:
    server.answers = [whole]
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"Cannot write .*images\.zip"):
        download(server.url, tmp_path / "cache" / "images.zip", MD5)


def test_an_interrupted_download_leaves_nothing(server: Server, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(source: Path, destination: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    server.answers = [whole]
    with pytest.raises(KeyboardInterrupt):
        download(server.url, target, MD5)
    assert_nothing_was_left(target)


def test_the_cache_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert cache_folder() == tmp_path / "elsewhere" / "quickstudy"
    for ignored in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert cache_folder() == tmp_path / "home" / ".cache" / "quickstudy"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / "home" / ".cache" / "quickstudy"
    assert list(tmp_path.iterdir()) == []


def test_without_any_home_the_cache_folder_asks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(DataError, match="set XDG_CACHE_HOME"):
        cache_folder()
