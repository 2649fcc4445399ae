# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The robot in MuJoCo, in real time, with the topics of a ros2_control robot.

Subscribes ``<controller>/joint_trajectory`` for every controller of the profile, or offers what
the profile says that it takes: ``<controller>/commands`` for positions, the action
``<controller>/gripper_cmd`` for a gripper, where control_msgs is installed. Publishes
``joint_states``, latched ``robot_description`` and, when asked for, ``camera/image``.
"""

from __future__ import annotations

import sys
import threading
import time
from array import array
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64MultiArray, String
from trajectory_msgs.msg import JointTrajectory

from mirror_robot.body.model import RobotModel
from mirror_robot.body.profile import ProfileError, load_profile
from mirror_robot.nodes.diagnostics import OK, WARN, Diagnostics, Rate
from mirror_robot.nodes.messages import to_seconds
from mirror_robot.nodes.outputs import GRIPPERS, load_gripper_action
from mirror_robot.nodes.parameters import Parameter, declare
from mirror_robot.nodes.polling import messages, subscribe_polled
from mirror_robot.nodes.running import run
from mirror_robot.simulation import (
    Renderer,
    RobotState,
    SimulatedRobot,
    SimulationError,
    Trajectory,
    TrajectoryError,
    build_model,
)

PARAMETERS = (
    Parameter("robot", "kagami", "Name of a known robot, or path of a robot profile (.yaml)"),
    Parameter("rate", 50.0, "How often commands are taken and joint_states published", "Hz", 1.0,
              500.0),
    Parameter("allow_partial_joints_goal", True,
              "Whether a trajectory may leave out joints of its controller, which then hold"),
    Parameter("camera", "body", "What camera/image shows: the upper body, or the face close up",
              choices=("body", "face")),
    Parameter("camera_rate", 0.0, "How often camera/image is published; 0: never", "Hz",
              0.0, 60.0),
    Parameter("camera_width", 640, "Width of camera/image", "px", 32, 1920),
    Parameter("camera_height", 480, "Height of camera/image", "px", 32, 1080),
)

_GRIP_TIME = 0.5
"""How long a simulated gripper takes to its goal [s]."""

_CATCH_UP = 0.1
"""Longest gap that is made up for [s]. After a longer one (a suspended machine) the simulation is
late instead of racing to catch up."""


class SimulationNode(Node):
    """Steps a `SimulatedRobot` at the pace of the wall clock.

    Physics follows the steady clock, whatever the node's clock does; stamps come from the node's
    clock. It runs in a thread of its own: a callback or a picture that takes long does not make it
    late, and a timer of the executor would cost more than the physics.
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

        self._lock = threading.Lock()  # held by whoever touches the robot
        self._states = self.create_publisher(JointState, "joint_states", 10)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._description = self.create_publisher(String, "robot_description", latched)
        self._description.publish(String(data=body.urdf))
        # Looked at before every step of the physics, which no command can change in between.
        self._commands: list[tuple[Subscription, Callable[[Any], None]]] = []
        for controller in profile.controllers:
            self._offer(controller, profile.interfaces.get(controller, "trajectory"))
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
        self._reported = (time.monotonic(), time.process_time(), self.robot.time)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        # Not before the node spins: whoever is told to end while starting leaves no thread behind.
        self._begin = self.create_timer(0.0, self._start_physics)
        self.get_logger().info(
            f"{profile.name} with {model.nu} joints, controllers {', '.join(profile.controllers)}")

    def _offer(self, controller: str, interface: str) -> None:
        """Listen to what a controller takes."""
        if interface in GRIPPERS:
            action = load_gripper_action(interface)
            if action is None:
                self.get_logger().warning(
                    f"{controller} stands still: control_msgs is not installed")
                return
            from rclpy.action import ActionServer

            ActionServer(self, action, f"{controller}/gripper_cmd",
                         lambda goal: self._grip(controller, action, goal))
        elif interface == "position":
            self._commands.append((
                subscribe_polled(self, Float64MultiArray, f"{controller}/commands", 1),
                lambda message: self._move(controller, message.data, 1.0 / self._values.rate)))
        else:
            self._commands.append((
                subscribe_polled(self, JointTrajectory, f"{controller}/joint_trajectory", 1),
                lambda message: self._on_trajectory(controller, message)))

    def _grip(self, controller: str, action: Any, goal: Any) -> Any:
        """Go to a gripper's goal, and say so at once: a new one replaces it."""
        position = goal.request.command.position
        self._move(controller, [position] if isinstance(position, float) else position, _GRIP_TIME)
        goal.succeed()
        return action.Result(reached_goal=True)

    def _move(self, controller: str, positions: Any, seconds: float) -> None:
        """Move the joints of a controller to positions in so many seconds."""
        self._take(controller, Trajectory(
            joint_names=list(self.robot.controllers[controller]), times=[seconds],
            positions=[positions], velocities=None), None)

    def _start_physics(self) -> None:
        self._begin.cancel()
        self.destroy_timer(self._begin)
        self._thread = threading.Thread(target=self._pace, name="physics", daemon=True)
        self._thread.start()

    def _pace(self) -> None:
        """Step and publish at the rate until told to stop."""
        period = 1 / self._values.rate
        message = JointState(name=self.robot.joint_names)
        last = due = time.monotonic()
        while not self._stopping.wait(max(due - time.monotonic(), 0.0)):
            now = time.monotonic()
            due = max(due + period, now)
            for subscription, take in self._commands:
                for command in messages(subscription):
                    take(command)
            state = self._advance(min(now - last, _CATCH_UP))
            last = now
            message.header.stamp = self.get_clock().now().to_msg()
            # An array of doubles is taken as it is; anything else is checked number by number.
            message.position = array("d", state.position.tobytes())
            message.velocity = array("d", state.velocity.tobytes())
            message.effort = array("d", state.effort.tobytes())
            try:
                self._states.publish(message)
            except RuntimeError:
                if not self.context.ok():  # shut down from outside between two steps
                    return
                raise
            self._rate.tick()

    def _advance(self, elapsed: float) -> RobotState:
        with self._lock:
            try:
                self.robot.step(elapsed)
            except SimulationError as error:
                self._diverged += 1
                self.get_logger().error(str(error))
            return self.robot.state

    def _on_trajectory(self, controller: str, message: JointTrajectory) -> None:
        try:
            trajectory = _trajectory(message)
        except TrajectoryError as error:
            self._refuse(controller, error)
        else:
            self._take(controller, trajectory, self._start(message))

    def _take(self, controller: str, trajectory: Trajectory, start: float | None) -> None:
        try:
            with self._lock:
                self.robot.command(controller, trajectory, start)
        except TrajectoryError as error:
            self._refuse(controller, error)
        else:
            self.diagnostics.counts["taken trajectories"] += 1

    def _refuse(self, controller: str, error: TrajectoryError) -> None:
        self.diagnostics.counts["refused trajectories"] += 1
        self.get_logger().warning(
            f"{controller} refuses a trajectory: {error}", throttle_duration_sec=1.0)

    def _start(self, message: JointTrajectory) -> float | None:
        """Return when the trajectory starts in simulated time; None means now."""
        stamp = to_seconds(message.header.stamp)
        if stamp == 0:
            return None
        return self.robot.time + stamp - self.get_clock().now().nanoseconds * 1e-9

    def _publish_image(self) -> None:
        with self._lock:
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
        with self._lock:
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
            "self contacts": sum(self.robot.contacts.values()),
            "self contacts of": ", ".join(
                f"{'-'.join(pair)} {count}" for pair, count in self.robot.contacts.items()),
            "diverged": self._diverged,
        }

    def close(self) -> None:
        """End the physics and free the renderer."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
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
