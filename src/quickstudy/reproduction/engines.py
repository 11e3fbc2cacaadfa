"""Where commands run: on this machine, or on a cluster through submitit."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from quickstudy.core import UserError


class Running(Protocol):
    """A command that was started."""

    def code(self) -> int | None:
        """Its exit code, or None while it runs."""

    def stop(self) -> None:
        """End it early; a training can go on later from its last checkpoint."""


class Engine(Protocol):
    """Starts commands."""

    def start(self, command: Sequence[str], output: Path, log: Path) -> Running:
        """Start a command.

        Args:
            command: The command and its arguments.
            output: File for what it prints.
            log: File for its messages, which are added at the end.
        """


class LocalEngine:
    """Commands as processes of this machine.

    Args:
        threads: Threads of each process.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def start(self, command: Sequence[str], output: Path, log: Path) -> Running:
        """Start a process.

        Args:
            command: The command and its arguments.
            output: File for what it prints.
            log: File for its messages, which are added at the end.
        """
        return _Process(command, output, log, {**os.environ, "OMP_NUM_THREADS": str(self.threads)})


class _Process:
    def __init__(self, command: Sequence[str], output: Path, log: Path, environment: dict[str, str]) -> None:
        with output.open("w") as printed, log.open("a") as messages:
            # A session of its own: Ctrl-C reaches this program alone, which then stops the processes one after another.
            self.process = subprocess.Popen(
                command, stdout=printed, stderr=messages, env=environment, start_new_session=True
            )

    def code(self) -> int | None:
        return self.process.poll()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class SubmititEngine:
    """Commands as jobs of a cluster, through submitit.

    Args:
        folder: Folder for the jobs' own files.
        cluster: "slurm", or "local" to try it on this machine.
        options: Options of the cluster, such as `slurm_partition`, by submitit's names.

    Raises:
        UserError: if submitit is not installed, or the machine has no such cluster.
    """

    def __init__(self, folder: Path, cluster: str = "slurm", **options: Any) -> None:
        try:
            import submitit
        except ImportError:
            raise UserError(
                'A cluster was given, but submitit is not installed. Install it: pip install "quickstudy[cluster]"'
            ) from None
        try:
            self.executor: Any = submitit.AutoExecutor(folder, cluster=cluster)
        except Exception as error:
            raise UserError(f"cluster = {cluster!r} was given, but it cannot be used here: {error}") from None
        self.executor.update_parameters(**{"timeout_min": 24 * 60, **options})

    def start(self, command: Sequence[str], output: Path, log: Path) -> Running:
        """Submit a job.

        Args:
            command: The command and its arguments.
            output: File for what it prints.
            log: File for its messages, which are added at the end.
        """
        return _ClusterJob(self.executor.submit(_run, list(command), str(output), str(log)))


class _ClusterJob:
    def __init__(self, job: Any) -> None:
        self.job = job

    def code(self) -> int | None:
        if not self.job.done():
            return None
        try:
            return int(self.job.result())
        except Exception as error:
            print(error, file=sys.stderr)
            return 1

    def stop(self) -> None:
        self.job.cancel()


def _run(command: list[str], output: str, log: str) -> int:
    with open(output, "w") as printed, open(log, "a") as messages:
        return subprocess.run(command, stdout=printed, stderr=messages, check=False).returncode
