"""Commands as forks of a process that has imported everything: what one costs is its work, not its start.

Each is a process with its own environment, files and exit status, and runs the entry point. In the
proofs it is what is typed before and after; what is killed or stopped is started as anybody starts it.
"""

import json
import os
import pkgutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from socketserver import ForkingMixIn, StreamRequestHandler, UnixStreamServer
from typing import NoReturn

import kubisnap

_NOT_OF_A_COMMAND = ("__main__", "testing", "simulator", "s3")
"""Words in the names of modules that the commands here do not import, or that are not to be imported."""


@dataclass(frozen=True)
class Forks:
    """Where the process listens that forks."""

    address: str

    def run(
        self, words: Sequence[str], *, folder: Path, environment: Mapping[str, str], seconds: float
    ) -> int:
        """Run a command in a folder, with its output in the files `out` and `err`; return its exit status.

        Raises TimeoutError when it takes longer than so many seconds.
        """
        job = {"words": list(words), "folder": str(folder), "environment": dict(environment)}
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(seconds)
            line.connect(self.address)
            line.sendall(json.dumps(job).encode() + b"\n")
            with line.makefile() as answer:
                return int(answer.readline())


@contextmanager
def forks() -> Iterator[Forks]:
    """Start the process; it ends with the block, or with this process."""
    with tempfile.TemporaryDirectory(prefix="kubisnap-forks-") as folder:
        address = f"{folder}/line"
        command = [sys.executable, "-m", "tests.process.forks", address]
        root = str(Path(__file__).parents[2])
        with subprocess.Popen(command, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                if process.stdout.readline() != b"listening\n":
                    raise RuntimeError("the process that forks has ended at once")
                yield Forks(address)
            finally:
                process.kill()


# ── the other side ───────────────────────────────────────────────────────────────────────────────


class _Server(ForkingMixIn, UnixStreamServer):
    request_queue_size = 16
    parent = os.getppid()

    def service_actions(self) -> None:
        super().service_actions()
        if os.getppid() != self.parent:  # whoever wanted this is gone
            raise SystemExit


class _Handler(StreamRequestHandler):
    def handle(self) -> None:
        job = json.loads(self.rfile.readline())
        pid = os.fork()
        if pid == 0:
            _become(job["words"], job["folder"], job["environment"])
        _, status = os.waitpid(pid, 0)
        self.wfile.write(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(words: list[str], folder: str, environment: dict[str, str]) -> NoReturn:
    """Be the command, in this fork."""
    status = 1
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        tempfile.tempdir = None  # it was found out with another environment
        for number, name in enumerate((os.devnull, "out", "err")):
            descriptor = os.open(
                name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC if number else os.O_RDONLY, 0o600
            )
            os.dup2(descriptor, number)
            os.close(descriptor)
        sys.stdin = os.fdopen(0, encoding="utf-8")
        sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8") for number in (1, 2))
        sys.argv = ["kubisnap", *words]
        from kubisnap.cli.app import main

        main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _serve(address: str) -> None:
    for module in pkgutil.walk_packages(kubisnap.__path__, "kubisnap."):
        if not any(word in module.name for word in _NOT_OF_A_COMMAND):
            import_module(module.name)
    with _Server(address, _Handler) as server:
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    _serve(sys.argv[1])
