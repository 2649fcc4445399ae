# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""How commands reach the controllers of a robot: trajectories, positions, velocities, goals."""

from __future__ import annotations

import math
import time
from array import array
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration as Span
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from mirror_robot.actuation.actuator import Actuator, Command

RELIABLE = QoSProfile(depth=1)
NO_EVENTS = PublisherEventCallbacks(use_default_callbacks=False)
"""The executor walks over every event handler at each wake-up, a fifth of the node's cost."""

# Share of its position error that a joint driven by velocities takes back in a second [1/s].
_CORRECTION = 2.0
# Longest wait [s] for the last command to be received before the process ends.
_FAREWELL = 0.5
# How often a gripper may get a new goal [s], and by how much of its range it must differ.
_GOAL_PERIOD, _GRAIN = 0.1, 0.02


def trajectory_points(
    times: np.ndarray, positions: np.ndarray, velocities: np.ndarray,
    points: list[JointTrajectoryPoint] | None = None,
) -> list[JointTrajectoryPoint]:
    """Return points (k) of a trajectory, in messages that may be given to be filled again.

    Parameters
    ----------
    times : ndarray (k,)
        [s]
    positions, velocities : ndarray (k, m)
        [rad], [rad/s].
    points : list of JointTrajectoryPoint, optional
        Is made longer where it is too short.
    """
    points = [] if points is None else points
    while len(points) < len(times):
        points.append(JointTrajectoryPoint())
    filled = points[:len(times)]
    for point, when, position, velocity in zip(filled, times, positions, velocities):
        point.positions = array("d", position.tobytes())
        point.velocities = array("d", velocity.tobytes())
        nanoseconds = int(when * 1e9)
        point.time_from_start = Duration(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)
    return filled


class TrajectoryOutput:
    """Sends the commands of one controller; messages are made once and filled again."""

    def __init__(self, node: LifecycleNode, topic: str, names: list[str],
                 columns: np.ndarray) -> None:
        self.publisher = node.create_publisher(
            JointTrajectory, topic, RELIABLE, event_callbacks=NO_EVENTS)
        self._columns = columns
        # The stamp stays 0, "now": a controller takes a past stamp as the trajectory's start.
        self._message = JointTrajectory(joint_names=names)
        self._points: list[JointTrajectoryPoint] = []

    def send(self, command: Command) -> None:
        """Publish one command."""
        self._message.points = trajectory_points(
            command.times, command.positions[:, self._columns],
            command.velocities[:, self._columns], self._points)
        self.publisher.publish(self._message)

    def destroy(self, node: LifecycleNode) -> None:
        """Free what ROS gave."""
        node.destroy_publisher(self.publisher)

    def rest(self) -> None:
        """Do nothing when commands end: the last one ended in a stop."""

    def send_last(self, command: Command) -> None:
        """Publish a command that nothing will follow, and wait until it is received."""
        self.send(command)
        self.publisher.wait_for_all_acked(Span(seconds=_FAREWELL))


class PositionOutput:
    """The same for a forward_command_controller, which takes positions one by one."""

    def __init__(self, node: LifecycleNode, topic: str, columns: np.ndarray) -> None:
        self.publisher = node.create_publisher(
            Float64MultiArray, topic, RELIABLE, event_callbacks=NO_EVENTS)
        self._columns = columns
        self._message = Float64MultiArray()

    def send(self, command: Command) -> None:
        """Publish the first position of a command."""
        self._publish(command.positions[0])

    def destroy(self, node: LifecycleNode) -> None:
        """Free what ROS gave."""
        node.destroy_publisher(self.publisher)

    def rest(self) -> None:
        """Do nothing when commands end: such a controller holds the last position."""

    def send_last(self, command: Command) -> None:
        """Play the stop that ends a command, in real time."""
        begin = time.monotonic()
        while (passed := time.monotonic() - begin) < command.times[-1]:
            self._publish(np.array([np.interp(passed, command.times, column)
                                    for column in command.positions.T]))
            time.sleep(0.01)
        self._publish(command.positions[-1])
        self.publisher.wait_for_all_acked(Span(seconds=_FAREWELL))

    def _publish(self, positions: np.ndarray) -> None:
        self._message.data = array("d", positions[self._columns].tobytes())
        self.publisher.publish(self._message)


class VelocityOutput(PositionOutput):
    """The same for a forward_command_controller of velocities.

    The position is kept by feedback: velocities alone would drift.
    """

    def __init__(self, node: Any, topic: str, columns: np.ndarray) -> None:
        super().__init__(node, topic, columns)
        self._actuator: Actuator = node.actuator
        self._fastest = self._actuator.limits.velocity

    def send(self, command: Command) -> None:
        """Publish the first velocity of a command, corrected by what the robot is off."""
        self._publish(self._corrected(command.positions[0], command.velocities[0]))

    def send_last(self, command: Command) -> None:
        """Play the stop that ends a command, in real time, and end at velocity zero."""
        begin = time.monotonic()
        while (passed := time.monotonic() - begin) < command.times[-1]:
            self._publish(np.array([np.interp(passed, command.times, column)
                                    for column in command.velocities.T]))
            time.sleep(0.01)
        self.rest()
        self.publisher.wait_for_all_acked(Span(seconds=_FAREWELL))

    def rest(self) -> None:
        """Publish zeros: such a controller goes on with what it was sent last."""
        self._publish(np.zeros(len(self._fastest)))

    def _corrected(self, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        off = position - self._actuator.measured
        wanted = velocity + _CORRECTION * np.where(np.isfinite(off), off, 0.0)
        return np.clip(wanted, -self._fastest, self._fastest)


GRIPPERS = {"gripper": "GripperCommand", "parallel_gripper": "ParallelGripperCommand"}
"""Actions of control_msgs that a gripper's controller takes, by the name of its interface."""


def load_gripper_action(interface: str) -> Any | None:
    """Return the action's type, None where control_msgs is not installed or lacks it."""
    try:
        from control_msgs import action
    except ImportError:
        return None
    return getattr(action, GRIPPERS[interface], None)


class GripperOutput:
    """The same for a gripper, which takes goals of an action and moves by itself.

    A goal is where the joint would stop, so that a gripper goes nowhere else when no other goal
    follows. A new one replaces the one under way; it is sent when it differs, at most ten times
    in a second, by a timer: goals must not be sent in another thread than answers are taken.

    Parameters
    ----------
    node : LifecycleNode
    action : type
        GripperCommand or ParallelGripperCommand.
    controller : str
        Its action is ``<controller>/gripper_cmd``.
    joint : str
    column : int
        Of the joint.
    span : float
        Of the joint's range [rad or m].
    effort : float
        At most [N or N m]; 0: ParallelGripperCommand leaves it to the gripper.
    """

    def __init__(self, node: LifecycleNode, action: Any, controller: str, joint: str,
                 column: int, span: float, effort: float = 0.0) -> None:
        from rclpy.action import ActionClient

        self._node, self._action, self._joint, self._column = node, action, joint, column
        self._grain, self._effort = _GRAIN * span, effort
        self.client = ActionClient(node, action, f"{controller}/gripper_cmd")
        self._wanted = self._sent = math.nan
        self.goals = self.refused = 0
        """Goals sent, and of these refused."""
        self._timer = node.create_timer(
            _GOAL_PERIOD, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def destroy(self, node: LifecycleNode) -> None:
        """Free what ROS gave."""
        node.destroy_timer(self._timer)
        self.client.destroy()

    def send(self, command: Command) -> None:
        """Take in a command; its end becomes a goal when the time has come."""
        self._wanted = float(command.positions[-1, self._column])

    def rest(self) -> None:
        """Do nothing when commands end: the gripper stands at its goal, or comes to it."""

    def send_last(self, command: Command) -> None:
        """Send the end of a command at once."""
        self.send(command)
        self._look()

    def _look(self) -> None:
        # Slow movements add up to a grain; the end of any is reached to within one.
        if not abs(self._wanted - self._sent) <= self._grain and math.isfinite(self._wanted):
            if not self.client.server_is_ready():
                self._node.get_logger().warning(
                    f"no action server {self.client._action_name} for {self._joint}",
                    throttle_duration_sec=10.0)
                return
            self._sent = self._wanted
            self.goals += 1
            self.client.send_goal_async(self._goal()).add_done_callback(self._answered)

    def _goal(self) -> Any:
        goal = self._action.Goal()
        if hasattr(goal.command, "max_effort"):
            goal.command.position, goal.command.max_effort = self._sent, self._effort
        else:
            goal.command.name, goal.command.position = [self._joint], [self._sent]
            goal.command.effort = [self._effort] if self._effort else []
        return goal

    def _answered(self, future: Any) -> None:
        if not future.result().accepted:
            self.refused += 1
            self._node.get_logger().warning(
                f"the gripper of {self._joint} refuses to go to {self._sent:.3f}",
                throttle_duration_sec=5.0)


OUTPUTS = {"position": PositionOutput, "velocity": VelocityOutput}
"""Those that a forward_command_controller takes, by the name of its interface."""
