# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""How nodes start and what they survive."""

from __future__ import annotations

import subprocess
import sys

import pytest
import rclpy
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.node import Node


@pytest.fixture
def operator():
    rclpy.init()
    node = Node("operator")
    yield node
    node.destroy_node()
    rclpy.shutdown()


def _ask(operator: Node, kind: type, name: str, request, timeout: float):
    client = operator.create_client(kind, name)
    assert client.wait_for_service(20.0)
    future = client.call_async(request)
    rclpy.spin_until_future_complete(operator, future, timeout_sec=timeout)
    operator.destroy_client(client)
    return future.result()


def test_a_lifecycle_request_that_does_not_fit_is_refused_and_the_node_lives_on(operator):
    process = subprocess.Popen(
        [sys.executable, "-m", "mirror_robot.nodes.actuation_node"],
        stderr=subprocess.PIPE, text=True)
    try:
        get = GetState.Request()
        for _ in range(50):
            answer = _ask(operator, GetState, "actuation_node/get_state", get, 5.0)
            if answer and answer.current_state.id == State.PRIMARY_STATE_ACTIVE:
                break
        configure = ChangeState.Request(
            transition=Transition(id=Transition.TRANSITION_CONFIGURE))
        _ask(operator, ChangeState, "actuation_node/change_state", configure, 1.0)
        answer = _ask(operator, GetState, "actuation_node/get_state", get, 5.0)
        assert answer.current_state.id == State.PRIMARY_STATE_ACTIVE
        assert process.poll() is None
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=20)
    assert "refused a lifecycle transition" in errors
    assert process.returncode == 0


@pytest.mark.parametrize(("arguments", "says"), [
    (["-p", "robot:=kagamy"], "did you mean 'kagami'"),
    (["-p", "rate:=-5.0"], "rate = -5.0 cannot be taken"),
    (["-p", "speed_scal:=1.0"], "Did you mean speed_scale?"),
])
def test_a_wrong_parameter_ends_a_node_with_one_line_that_says_what_would_be_right(
        arguments, says):
    done = subprocess.run(
        [sys.executable, "-m", "mirror_robot.nodes.actuation_node", "--ros-args", *arguments],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
