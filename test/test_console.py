# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Tests of the command `mirror_robot`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mirror_robot.bringup.graph import OPTIONS
from mirror_robot.console.doctor import FAULT, check_camera, check_python, check_robot
from mirror_robot.console.main import COMMANDS, main, make_parser
from mirror_robot.console.run import run

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def command():
    """Return a function that starts the command as a process of its own."""
    started = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "mirror_robot.console", *arguments], cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"})
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def children(pid: int) -> list[int]:
    """Return the processes below `pid`, itself left out."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            child = int(path.parent.name)
            found += [child, *children(child)]
    return found


def read_until(process: subprocess.Popen[str], text: str, within: float = 60.0) -> str:
    """Return what was printed up to the line that holds `text`."""
    deadline, lines = time.monotonic() + within, []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return "".join(lines)
        assert time.monotonic() < deadline, "".join(lines)
    raise AssertionError(f"it ended without {text!r}:\n" + "".join(lines))


def test_help_explains_every_option_with_examples(capsys):
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    assert done.value.code == 0
    assert "mirror_robot run --source party.mp4 --mimic" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    text = capsys.readouterr().out
    for option in OPTIONS:
        assert f"--{option.name.replace('_', '-')}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as done:
        main([name, "--help"])
    assert done.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: mirror_robot {name}" in text and len(text.splitlines()) > 6


def test_the_options_of_run_are_those_of_the_launch_file():
    values = vars(make_parser("run").parse_args(["run", "--mimic", "--source", "2"]))
    assert values.pop("command") == "run" and values.pop("run") is run
    assert set(values) == {option.name for option in OPTIONS}
    assert values["mimic"] is True and values["source"] == "2"


@pytest.mark.parametrize("arguments", [
    [], ["fly"], ["run", "--sim", "gazebo"], ["demo", "--ros-args", "-p", "x:=1"]])
def test_wrong_use_is_answered_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert done.value.code == 2
    assert "error" in capsys.readouterr().err


def test_a_clip_that_does_not_exist_is_refused_with_the_valid_ones(capsys):
    assert main(["demo", "--clip", "dancing_bear"]) == 2
    text = capsys.readouterr().err
    assert "dancing_bear" in text and "WolfgangLanger" in text


def test_an_interrupted_run_ends_with_zero_and_leaves_no_process(command):
    process = command("run", "--source", "sample:single_face.mp4")
    read_until(process, "joints, controllers")  # the simulation is up
    nodes = children(process.pid)
    assert len(nodes) >= 4
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert not [pid for pid in nodes if Path(f"/proc/{pid}").exists()]


def test_a_node_that_fails_ends_the_run_and_is_named(command):
    process = command("run", "--robot", "kagamy", "--sim", "none", "--source",
                      "sample:single_face.mp4")
    text = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "kagami" in text  # the valid name
    assert "mirror_node ended" in text or "actuation_node ended" in text


def test_ros_arguments_reach_only_the_node_they_name(command):
    process = command("run", "--sim", "none", "--source", "sample:single_face.mp4",
                      "--ros-args", "-p", "mirror_node:langauge:=en")
    text = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "mirror_node has no parameter 'langauge'. Did you mean language?" in text
    assert "actuation_node has no parameter" not in text


def test_doctor_says_what_to_do():
    assert next(check_python()).state == "ok"
    missing = next(check_camera("/dev/no_such_camera"))
    assert missing.state != FAULT and "--source" in missing.advice
    wrong = next(check_robot("kagamy"))
    assert wrong.state == FAULT and "kagami" in wrong.finding


def test_doctor_answers_scripts_as_json(command):
    process = command("doctor", "--json")
    text = process.communicate(timeout=120)[0]
    checks = {check["subject"]: check for check in json.loads(text)}
    assert {"Python", "system libraries", "mediapipe", "rclpy", "models", "robot"} <= set(checks)
    faults = [check for check in checks.values() if check["state"] == FAULT]
    assert process.returncode == (1 if faults else 0)
    assert all(check["advice"] for check in faults)
