"""The simulator as a program."""

import os
import re
import signal
import subprocess
import sys
import threading
from queue import SimpleQueue

import pytest
import requests

from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator
from kubisnap.adapters.digitalocean.simulator.__main__ import main

MODULE = "kubisnap.adapters.digitalocean.simulator"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(number: signal.Signals) -> None:
    arguments = ["--port", "0", "--account", "first=one", "--account", "second=two", "--boot-seconds", "0"]
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", MODULE, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as program:
        assert program.stdout is not None
        banner = ""
        while "/simulator\n" not in banner:
            banner += program.stdout.readline()
        match = re.search(r"export DIGITALOCEAN_END_POINT=(\S+)", banner)
        assert match is not None
        assert banner.startswith("This is a simulator")
        assert "nothing costs money" in banner
        assert "export DIGITALOCEAN_ACCESS_TOKEN=two  # account 'second'" in banner
        with requests.Session() as session:  # the connection is still open when it is told to stop
            session.headers["Authorization"] = "Bearer two"
            assert session.get(match[1] + "account", timeout=30).json()["account"]["name"] == "second"
            program.send_signal(number)
            output, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (0, "")
    assert output == "The simulator has stopped; all it held is gone.\n"


def test_without_accounts_there_is_one_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    told = SimpleQueue[None]()
    told.put(None)
    statuses: list[int] = []
    # In a thread of its own, where it leaves the signals alone.
    program = threading.Thread(target=lambda: statuses.append(main(["--port", "0"], stop=told)))
    program.start()
    program.join()
    assert statuses == [0]
    assert "export DIGITALOCEAN_ACCESS_TOKEN=simulated-token  # account 'first'" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["nonsense", "=token", "name="])
def test_an_account_is_written_name_and_token(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--account", text])
    assert stopped.value.code == 2
    assert "NAME=TOKEN" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    statuses: list[int] = []
    with DigitalOceanSimulator() as other:
        program = threading.Thread(target=lambda: statuses.append(main(["--port", str(other.port)])))
        program.start()
        program.join()
        assert capsys.readouterr().err.startswith(f"The simulator can not listen on port {other.port}: ")
    assert statuses == [1]
