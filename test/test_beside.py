# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What is computed beside the stream: in another process, which ends with whoever wanted it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mirror_robot.body.model import RobotModel, load_model
from mirror_robot.mirror.beside import Beside
from mirror_robot.motor.script import RepertoireError


@pytest.fixture(scope="module")
def model() -> RobotModel:
    return load_model("kagami")


def where(model: RobotModel) -> tuple[int, RobotModel, tuple[str, ...]]:
    """Return the process that this is called in, and what it was called with."""
    print("what is printed is no result")
    return os.getpid(), model, model.joint_names


def fails() -> None:
    """Fail."""
    raise RepertoireError("no such thing")


def dies() -> None:
    """End the process that this is called in."""
    os._exit(7)


def test_work_is_done_in_another_process_and_its_result_is_about_the_same_robot(model):
    beside = Beside(model, where, model)
    process, same, names = beside.result()
    assert beside.done
    assert process != os.getpid()
    assert same is model and names == model.joint_names


def test_what_goes_wrong_beside_the_stream_is_told_to_who_asks_for_the_result(model):
    with pytest.raises(RepertoireError, match="no such thing"):
        Beside(model, fails).result()
    with pytest.raises(OSError, match="exit code 7"):
        Beside(model, dies).result()


WAITS = """
import sys, time
from pathlib import Path
sys.path.insert(0, {folder!r})
from mirror_robot.body.model import load_model
from mirror_robot.mirror.beside import Beside
from test_beside import says_where_and_sleeps
Beside(load_model("kagami"), says_where_and_sleeps, Path({told!r})).result()
"""


def says_where_and_sleeps(path: Path) -> None:
    """Write down which process this is called in, and do not return."""
    path.with_suffix(".new").write_text(str(os.getpid()))
    path.with_suffix(".new").rename(path)
    time.sleep(60.0)


def test_the_process_ends_with_the_one_that_wanted_the_result_even_if_that_is_killed(tmp_path):
    told = tmp_path / "process"
    script = WAITS.format(folder=str(Path(__file__).parent), told=str(told))
    with subprocess.Popen((sys.executable, "-c", script)) as node:
        end = time.monotonic() + 30.0
        while not told.exists() and node.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        other = int(told.read_text())
        assert other != node.pid
        node.send_signal(signal.SIGKILL)
    end = time.monotonic() + 5.0
    while runs(other) and time.monotonic() < end:
        time.sleep(0.02)
    assert not runs(other)


def runs(process: int) -> bool:
    """Return whether a process is there and has not ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"
