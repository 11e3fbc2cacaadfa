import sys
import time
from pathlib import Path

import pytest

from quickstudy.core import UserError
from quickstudy.reproduction import Engine, LocalEngine, SubmititEngine

PRINTS = "import os, sys; print(os.environ.get('OMP_NUM_THREADS')); print('message', file=sys.stderr); sys.exit({})"


def ended(engine: Engine, folder: Path, script: str) -> int:
    running = engine.start([sys.executable, "-c", script], folder / "out", folder / "log")
    while (code := running.code()) is None:
        time.sleep(0.02)
    return code


def test_a_process_has_its_threads_and_leaves_output_messages_and_exit_code(tmp_path: Path) -> None:
    assert ended(LocalEngine(threads=3), tmp_path, PRINTS.format(5)) == 5
    assert (tmp_path / "out").read_text() == "3\n"
    assert (tmp_path / "log").read_text() == "message\n"


def test_messages_of_a_second_start_follow_the_first(tmp_path: Path) -> None:
    for _ in range(2):
        ended(LocalEngine(threads=1), tmp_path, PRINTS.format(0))
    assert (tmp_path / "log").read_text() == "message\n" * 2


def test_a_process_can_be_stopped(tmp_path: Path) -> None:
    running = LocalEngine(1).start(
        [sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "o", tmp_path / "l"
    )
    assert running.code() is None
    running.stop()
    assert running.code() not in (None, 0)


def test_a_cluster_runs_the_same_commands(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    engine = SubmititEngine(tmp_path / "jobs", "local")
    assert ended(engine, tmp_path, PRINTS.format(4)) == 4
    assert (tmp_path / "log").read_text() == "message\n"


def test_a_cluster_that_is_not_there_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    with pytest.raises(UserError, match=r"cluster = 'moon' was given, but it cannot be used here"):
        SubmititEngine(tmp_path, "moon")


def test_without_submitit_the_message_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match="submitit is not installed"):
        SubmititEngine(tmp_path)
