# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The simulated time, followed without the executor."""

from __future__ import annotations

import threading
import time

import pytest
import rclpy
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock

from mirror_robot.nodes.polling import poll_clock


@pytest.fixture
def make_node():
    rclpy.init()
    nodes = []

    def make(name, **parameters):
        nodes.append(rclpy.create_node(name, parameter_overrides=[
            Parameter(key, value=value) for key, value in parameters.items()]))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.shutdown()


def seconds(node):
    return node.get_clock().now().nanoseconds * 1e-9


def tell_time_until(clock, there):
    """Publish a clock that goes on by 0.1 s each time; return the last time told."""
    for tenth in range(50, 250):
        clock.publish(Clock(clock=Time(sec=tenth // 10, nanosec=tenth % 10 * 10**8)))
        time.sleep(0.02)
        if there():
            return tenth / 10
    return None


def test_the_simulated_time_goes_on_while_nobody_spins_and_wakes_the_timers_of_who_does(make_node):
    clock = make_node("physics").create_publisher(Clock, "/clock", 1)
    node = make_node("simulated", use_sim_time=True)
    end = poll_clock(node)
    try:
        assert tell_time_until(clock, lambda: seconds(node) >= 6.0)
        rung = []
        node.create_timer(0.5, lambda: rung.append(seconds(node)))
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        spinning = threading.Thread(target=lambda: executor.spin_once(timeout_sec=10.0))
        begin = seconds(node)
        spinning.start()
        assert tell_time_until(clock, lambda: rung) is not None
        spinning.join()
        assert len(rung) == 1 and rung[0] != begin
        executor.shutdown()
    finally:
        end()
    before = seconds(node)
    clock.publish(Clock(clock=Time(sec=1000)))
    time.sleep(0.1)
    assert seconds(node) == before
    assert "clock" not in {thread.name for thread in threading.enumerate()}


def test_a_node_on_the_wall_clock_or_set_back_to_it_needs_no_thread(make_node):
    poll_clock(make_node("wall"))()
    node = make_node("both", use_sim_time=True)
    end = poll_clock(node)
    node.set_parameters([Parameter("use_sim_time", value=False)])
    deadline = time.monotonic() + 10.0
    while "clock" in {thread.name for thread in threading.enumerate()}:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    end()
    assert abs(seconds(node) - time.time()) < 60.0
