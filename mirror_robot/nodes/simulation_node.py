# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The robot in MuJoCo, in real time, with the topics of a ros2_control robot.

Subscribes ``<controller>/joint_trajectory`` for every controller of the profile; publishes
``joint_states``, latched ``robot_description`` and, when asked for, ``camera/image``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

from mirror_robot.body.model import RobotModel
from mirror_robot.body.profile import ProfileError, load_profile
from mirror_robot.nodes.diagnostics import OK, WARN, Diagnostics, Rate
from mirror_robot.nodes.messages import to_seconds
from mirror_robot.nodes.parameters import Parameter, declare
from mirror_robot.nodes.running import run
from mirror_robot.simulation import (
    Renderer,
    SimulatedRobot,
    SimulationError,
    Trajectory,
    TrajectoryError,
    build_model,
)

PARAMETERS = (
    Parameter("robot", "kagami", "Name of a known robot, or path of a robot profile (.yaml)"),
    Parameter("rate", 100.0, "How often joint_states is published", "Hz", 1.0, 500.0),
    Parameter("allow_partial_joints_goal", False,
              "Whether a trajectory may leave out joints of its controller"),
    Parameter("camera", "body", "What camera/image shows: the upper body, or the face close up",
              choices=("body", "face")),
    Parameter("camera_rate", 0.0, "How often camera/image is published; 0: never", "Hz", 0.0, 60.0),
    Parameter("camera_width", 640, "Width of camera/image", "px", 32, 1920),
    Parameter("camera_height", 480, "Height of camera/image", "px", 32, 1080),
)

_CATCH_UP = 0.1
"""Longest gap that is made up for [s]. After a longer one (a suspended machine) the simulation is
late instead of racing to catch up."""


class SimulationNode(Node):
    """Steps a `SimulatedRobot` at the pace of the wall clock.

    Physics follows the steady clock, whatever the node's clock does; stamps come from the node's
    clock.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("simulation_node", **kwargs)
        self._values = declare(self, PARAMETERS)
        profile = load_profile(self._values.robot)
        if not profile.controllers:
            raise ProfileError(f"{profile.path}: a simulated robot needs controllers")
        body = RobotModel.from_profile(profile)
        rest = dict(zip(body.joint_names, body.rest))
        head = profile.chains.get("head")
        model = build_model(
            body.urdf, rest=rest, source=profile.description,
            head_link=head.links["link"] if head else "")
        self.robot = SimulatedRobot(
            model, profile.controllers, rest=rest,
            velocity_limits=dict(zip(body.joint_names, body.velocity)),
            allow_partial_joints_goal=self._values.allow_partial_joints_goal)

        self._states = self.create_publisher(JointState, "joint_states", 10)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._description = self.create_publisher(String, "robot_description", latched)
        self._description.publish(String(data=body.urdf))
        for controller in profile.controllers:
            self.create_subscription(
                JointTrajectory, f"{controller}/joint_trajectory",
                partial(self._on_trajectory, controller), 1)
        self._renderer: Renderer | None = None
        if self._values.camera_rate > 0:
            self._renderer = Renderer(
                model, self._values.camera_width, self._values.camera_height, self._values.camera)
            self._images = self.create_publisher(Image, "camera/image", qos_profile_sensor_data)
            self.create_timer(1 / self._values.camera_rate, self._publish_image)

        self._rate = Rate()
        self._diverged = 0
        self.diagnostics = Diagnostics(self, self._report)
        self._refusals_reported = 0
        self._last = time.monotonic()
        self._reported = (time.monotonic(), time.process_time(), self.robot.time)
        self.create_timer(1 / self._values.rate, self._tick)
        self.get_logger().info(
            f"{profile.name} with {model.nu} joints, controllers {', '.join(profile.controllers)}")

    def _tick(self) -> None:
        now = time.monotonic()
        elapsed = min(now - self._last, _CATCH_UP)
        self._last = now
        try:
            self.robot.step(elapsed)
        except SimulationError as error:
            self._diverged += 1
            self.get_logger().error(str(error))
        state = self.robot.state
        message = JointState(
            name=state.joint_names, position=state.position, velocity=state.velocity,
            effort=state.effort)
        message.header.stamp = self.get_clock().now().to_msg()
        self._states.publish(message)
        self._rate.tick()

    def _on_trajectory(self, controller: str, message: JointTrajectory) -> None:
        try:
            self.robot.command(controller, _trajectory(message), self._start(message))
        except TrajectoryError as error:
            self.diagnostics.counts["refused trajectories"] += 1
            self.get_logger().warning(
                f"{controller} refuses a trajectory: {error}", throttle_duration_sec=1.0)
        else:
            self.diagnostics.counts["taken trajectories"] += 1

    def _start(self, message: JointTrajectory) -> float | None:
        """Return when the trajectory starts in simulated time; None means now."""
        stamp = to_seconds(message.header.stamp)
        if stamp == 0:
            return None
        return self.robot.time + stamp - self.get_clock().now().nanoseconds * 1e-9

    def _publish_image(self) -> None:
        state = self.robot.state
        picture = self._renderer.render(dict(zip(state.joint_names, state.position)))
        height, width, channels = picture.shape
        message = Image(
            height=height, width=width, encoding="rgb8", step=channels * width,
            data=picture.tobytes())
        message.header.stamp = self.get_clock().now().to_msg()
        message.header.frame_id = f"{self._values.camera}_camera"
        self._images.publish(message)

    def _report(self) -> tuple[bytes, str, Mapping[str, Any]]:
        wall, cpu, simulated = self._reported
        self._reported = (time.monotonic(), time.process_time(), self.robot.time)
        passed = max(self._reported[0] - wall, 1e-6)
        factor = (self._reported[2] - simulated) / passed
        touching = self.robot.self_contacts()
        refused = self.diagnostics.counts["refused trajectories"]
        problems = []
        if passed > 0.5 and factor < 0.9:
            problems.append(f"slower than real time ({factor:.2f})")
        if touching:
            problems.append("touches itself: " + ", ".join("-".join(pair) for pair in touching))
        if refused > self._refusals_reported:
            problems.append(f"{refused - self._refusals_reported} trajectories refused")
        self._refusals_reported = refused
        return (WARN if problems else OK), "; ".join(problems) or "in real time", {
            "joint_states rate [Hz]": self._rate(), "real time factor": factor,
            "cpu share of one core": (self._reported[1] - cpu) / passed,
            "self contacts": self.robot.contact_count, "diverged": self._diverged,
        }

    def close(self) -> None:
        """Free the renderer."""
        if self._renderer:
            self._renderer.close()


def _trajectory(message: JointTrajectory) -> Trajectory:
    """Return the message as plain data.

    Raises
    ------
    TrajectoryError
        If some points carry velocities and others do not.
    """
    points = message.points
    with_velocity = sum(bool(len(point.velocities)) for point in points)
    if with_velocity not in (0, len(points)):
        raise TrajectoryError("some points have velocities and others have not")
    return Trajectory(
        joint_names=list(message.joint_names),
        times=[Duration.from_msg(point.time_from_start).nanoseconds * 1e-9 for point in points],
        positions=[point.positions for point in points],
        velocities=[point.velocities for point in points] if with_velocity else None)


def main() -> int:
    """Run the node until it is told to stop; return the exit code."""
    return run(SimulationNode)


if __name__ == "__main__":
    sys.exit(main())
