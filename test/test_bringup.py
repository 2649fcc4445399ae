# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Tests of the table of nodes and options, and of the processes it becomes."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from mirror_robot.body.profile import load_profile
from mirror_robot.bringup.controllers import controller_parameters
from mirror_robot.bringup.graph import NODES, OPTIONS, nodes_to_start, read_options
from mirror_robot.bringup.processes import Processes


def gone(pid: int, within: float = 10.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_every_node_has_the_parameters_that_the_options_set():
    for node in NODES:
        table = importlib.import_module(f"mirror_robot.nodes.{node.name}").PARAMETERS
        declared = {parameter.name: parameter for parameter in table}
        for name, option in node.parameters.items():
            assert name in declared, f"{node.name} has no parameter {name}"
            assert type(declared[name].default) is type(option.read(option.default))


def test_the_robot_is_disarmed_unless_told_otherwise():
    actuation = {start.name: start for start in nodes_to_start(read_options({}))}["actuation_node"]
    assert actuation.parameters["enabled_at_start"] is False


def test_no_simulation_is_started_for_a_robot_that_is_there():
    names = [start.name for start in nodes_to_start(read_options({"sim": "none"}))]
    assert names == ["perception_node", "mirror_node", "actuation_node", "viewer_node"]


def test_perception_may_run_on_another_machine():
    names = [start.name for start in nodes_to_start(read_options({"human_source": "elsewhere"}))]
    assert not {"perception_node", "rep155_node"} & set(names) and "mirror_node" in names


def test_movements_are_shared_only_by_those_who_offer_or_adopt():
    def names(**options):
        return [start.name for start in nodes_to_start(read_options(options))]

    assert "sharing_node" not in names()
    assert "sharing_node" in names(offer="victory") and "sharing_node" in names(adopt="*")


def test_a_camera_number_stays_text_on_the_command_line():
    starts = nodes_to_start(read_options({"source": "0"}))
    command = {start.name: start.command() for start in starts}["perception_node"]
    assert 'source:="0"' in command


def test_a_wrong_option_is_answered_with_the_valid_ones():
    with pytest.raises(ValueError, match="valid: source, robot, mimic"):
        read_options({"sorce": "0"})
    with pytest.raises(ValueError, match="not one of mujoco, none"):
        read_options({"sim": "gazebo"})
    with pytest.raises(ValueError, match="not one of true, false"):
        read_options({"mimic": "perhaps"})


def test_every_option_is_described():
    for option in OPTIONS:
        assert len(option.description) > 20
        assert option.read(option.default) is not None


def test_controllers_take_streamed_points_for_the_joints_of_the_profile():
    profile = load_profile("kagami")
    parameters = controller_parameters(profile)
    manager = parameters["/**/controller_manager"]["ros__parameters"]
    for name, joints in profile.controllers.items():
        assert manager[name]["type"].endswith("JointTrajectoryController")
        controller = parameters[f"/**/{name}"]["ros__parameters"]
        assert controller["joints"] == list(joints)
        assert controller["allow_nonzero_velocity_at_trajectory_end"]
        assert controller["interpolate_from_desired_state"]


def test_a_process_that_ends_is_named_with_what_it_said(tmp_path):
    with Processes(tmp_path) as processes:
        processes.start("steady", [sys.executable, "-c", "import time; time.sleep(60)"])
        processes.start("hasty", [sys.executable, "-c", "print('no camera'); raise SystemExit(3)"])
        while (ended := processes.ended()) is None:
            time.sleep(0.02)
    assert str(ended) == "hasty ended with exit code 3"
    assert ended.last_lines() == "no camera"


def test_a_child_that_does_not_listen_is_killed_with_all_it_started(tmp_path):
    child = textwrap.dedent("""
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(grandchild.pid, flush=True)
        time.sleep(60)
        """)
    with Processes(tmp_path, grace=0.3) as processes:
        processes.start("deaf", [sys.executable, "-c", child])
        while not (text := (tmp_path / "deaf.log").read_text()).endswith("\n"):
            time.sleep(0.02)
    assert gone(int(text))


def test_children_end_even_when_their_parent_is_killed(tmp_path):
    parent = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from mirror_robot.bringup.processes import Processes
        processes = Processes()
        processes.start("child", [sys.executable, "-c",
                        "import os, time; print(os.getpid(), flush=True); time.sleep(60)"])
        time.sleep(60)
        """)
    process = subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    pid = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert gone(pid)
