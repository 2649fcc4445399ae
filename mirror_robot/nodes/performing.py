# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Performances as goals of FollowJointTrajectory actions, where control_msgs is installed.

``mirror/performance`` brings a whole movement. It is shaped within all limits and sent to each
controller concerned as one goal, while everything else goes on being streamed. When something is
wrong the goal is not cancelled, which makes a joint_trajectory_controller hold where it is, with a
jerk, but replaced by another one that stops the robot within its limits; where that one is not
accepted it is cancelled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np
from action_msgs.msg import GoalStatus
from rclpy.clock import Clock
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from trajectory_msgs.msg import JointTrajectory

from mirror_robot.actuation.actuator import Actuator, Command
from mirror_robot.actuation.performing import (
    Movement,
    Performance,
    PerformanceError,
    read_movement,
)
from mirror_robot.nodes.outputs import trajectory_points

# How often goals are looked after while there are any [s].
_EVERY = 0.02
# Longest wait for the answer to a goal, and for its result after its end [s].
_ANSWER, _RESULT = 0.5, 1.5
# Longest wait for a movement to be shaped and for its joints to stand [s].
_BEGIN = 5.0
# What a request may take to leave this process, when it ends [s].
_FAREWELL = 0.2
# A goal that succeeds so much before its end has not been made [s].
_EARLY = 0.5


def load_action() -> Any | None:
    """Return the type FollowJointTrajectory, None where control_msgs is not installed."""
    try:
        from control_msgs.action import FollowJointTrajectory
    except ImportError:
        return None
    return FollowJointTrajectory


@dataclass
class _Goal:
    """A goal under way.

    Attributes
    ----------
    sent : float
        When [s], on the steady clock.
    handle : ClientGoalHandle or None
        Once it is accepted.
    ended : bool
        Whether its result came.
    stopping : bool
        Whether it is the one that stops the robot.
    replaces : ClientGoalHandle or None
        What it stops, to be cancelled where it is not accepted itself.
    """

    sent: float
    handle: Any = None
    ended: bool = False
    stopping: bool = False
    replaces: Any = None


class Performances:
    """Sends whole movements to the controllers of a robot, and looks after them.

    Parameters
    ----------
    node : LifecycleNode
    action : type
        FollowJointTrajectory.
    actuator : Actuator
    controllers : mapping controller -> list of joint indices
    lock : context manager
        Held by whoever touches the actuator.
    steady : Clock
        For the timer that looks after goals.
    """

    def __init__(
        self, node: LifecycleNode, action: Any, actuator: Actuator,
        controllers: Mapping[str, list[int]], lock: Any, steady: Clock,
    ) -> None:
        from rclpy.action import ActionClient

        self._node, self._action, self._actuator, self._lock = node, action, actuator, lock
        self._columns = {name: np.array(rows, int) for name, rows in controllers.items()}
        self._names = actuator.limits.names
        self._clients = {name: ActionClient(node, action, f"{name}/follow_joint_trajectory")
                         for name in controllers}
        self._goals: dict[str, _Goal] = {}
        self._shaped: Future[Performance] | None = None
        self._performance: Performance | None = None
        self._begun = 0.0
        self.accepted = self.succeeded = 0
        """Goals that were accepted, and that came to their end."""
        self.told = "nothing performed yet"
        """What became of the last performance."""
        self._timer = node.create_timer(_EVERY, self._locked(self._look), clock=steady)
        self._timer.cancel()

    @property
    def busy(self) -> frozenset[str]:
        """Controllers that make a goal: nothing may be streamed to them."""
        return frozenset(self._goals)

    def destroy(self) -> None:
        """Free what ROS gave."""
        self._node.destroy_timer(self._timer)
        for client in self._clients.values():
            client.destroy()

    def _locked(self, call: Callable[..., None]) -> Callable[..., None]:
        def locked(*arguments: Any) -> None:
            with self._lock:
                call(*arguments)
        return locked

    def _tell(self, text: str, good: bool = True) -> None:
        self.told = text
        # Two calls: rclpy wants one severity per line of code.
        if good:
            self._node.get_logger().info(text)
        else:
            self._node.get_logger().warning(text)

    # ------------------------------------------------------------------ beginning

    def receive(self, message: JointTrajectory) -> None:
        """Take in a movement; where it cannot be performed as a whole it is streamed as ever.

        One without points breaks off what is being performed.
        """
        if not message.points:
            self._actuator.break_off()
            return
        name = f"a movement of {len(message.joint_names)} joints"
        try:
            movement = self._read(message)
        except PerformanceError as error:
            self._tell(f"{name} is refused: {error}", good=False)
            return
        if self._goals or self._shaped is not None:
            self._tell(f"{name} is streamed: another movement is being performed")
            return
        if missing := [controller for controller in self._touched(movement.joints)
                       if not self._clients[controller].server_is_ready()]:
            self._tell(f"{name} is streamed: no action server of {', '.join(missing)}")
            return
        shape = self._actuator.prepare(
            movement, list(self._columns.values()), time.monotonic())
        if isinstance(shape, str):
            self._tell(f"{name} is streamed: {shape}")
            return
        self._begun = time.monotonic()
        self._shaped = shaped = Future()
        # The loop goes on meanwhile; the joints of the movement come to a stop.
        threading.Thread(target=_work, args=(shape, shaped), name="shaping", daemon=True).start()
        self._timer.reset()

    def _read(self, message: JointTrajectory) -> Movement:
        points = message.points
        times = [Duration.from_msg(point.time_from_start).nanoseconds * 1e-9 for point in points]
        speeds = [point.velocities for point in points]
        return read_movement(
            self._actuator.limits, list(message.joint_names), times,
            [point.positions for point in points],
            speeds if all(len(speed) for speed in speeds) else None)

    def _touched(self, joints: np.ndarray) -> list[str]:
        mine = set(joints.tolist())
        return [name for name, rows in self._columns.items() if mine & set(rows.tolist())]

    def _begin(self) -> None:
        shaped, actuator = self._shaped, self._actuator
        if not shaped.done():
            return
        if error := shaped.exception():
            self._shaped = None
            actuator.release()
            self._tell(f"it is streamed: {error}", good=False)
            return
        performance = shaped.result()
        if not actuator.ready(performance) and time.monotonic() - self._begun < _BEGIN:
            return
        self._shaped = None
        if not (actuator.ready(performance) and actuator.perform(performance)):
            actuator.release()
            self._tell("it is streamed: the robot could not begin")
            return
        self._performance = performance
        times, positions, velocities = performance.points(actuator.settings.steps)
        column = {int(joint): i for i, joint in enumerate(performance.joints)}
        for controller in self._touched(performance.joints):
            own = [column[joint] for joint in self._columns[controller].tolist()]
            self._send(controller, times, positions[:, own], velocities[:, own])

    def _send(self, controller: str, times: np.ndarray, positions: np.ndarray,
              velocities: np.ndarray, stops: _Goal | None = None) -> None:
        goal = self._goals[controller] = _Goal(
            time.monotonic(), stopping=stops is not None, replaces=stops and stops.handle)
        request = self._action.Goal()
        request.trajectory = JointTrajectory(
            joint_names=[self._names[i] for i in self._columns[controller]],
            points=trajectory_points(times, np.ascontiguousarray(positions),
                                     np.ascontiguousarray(velocities)))
        future = self._clients[controller].send_goal_async(request)
        future.add_done_callback(self._locked(
            lambda future: self._answered(controller, goal, future)))

    # ------------------------------------------------------------------ answers

    def _answered(self, controller: str, goal: _Goal, future: Any) -> None:
        handle = future.result()
        if self._goals.get(controller) is not goal:
            if handle.accepted:
                handle.cancel_goal_async()
        elif handle.accepted:
            self.accepted += 1
            goal.handle = handle
            handle.get_result_async().add_done_callback(self._locked(
                lambda future: self._ended(controller, goal, future)))
        elif goal.stopping:
            self._cancel(controller)
        else:
            self._unwanted(f"{controller} refuses a movement; it is streamed")

    def _unwanted(self, reason: str) -> None:
        """Take in that a controller did not begin: stop those that did, and stream."""
        self._tell(reason, good=False)
        waiting = [name for name, goal in self._goals.items() if goal.handle is None]
        for controller in waiting:
            del self._goals[controller]
        self._actuator.refused(np.concatenate([self._columns[name] for name in waiting]))

    def _ended(self, controller: str, goal: _Goal, future: Any) -> None:
        if self._goals.get(controller) is not goal:
            return  # replaced meanwhile by the goal that stops the robot
        goal.ended = True
        answer = future.result()
        if goal.stopping:
            del self._goals[controller]
        elif answer.status == GoalStatus.STATUS_SUCCEEDED and self._near_end():
            self.succeeded += 1
        else:
            words = {GoalStatus.STATUS_ABORTED: "broke off", GoalStatus.STATUS_CANCELED:
                     "was told to cancel", GoalStatus.STATUS_SUCCEEDED: "ended too early"}
            text = getattr(answer.result, "error_string", "")
            self.told = f"{controller} {words.get(answer.status, 'lost')} a movement"
            self._actuator.failed(
                self._columns[controller], self.told + (f": {text}" if text else ""))

    def _near_end(self) -> bool:
        passed = time.monotonic() - min(goal.sent for goal in self._goals.values())
        return self._performance is not None and passed > self._performance.duration - _EARLY

    def _cancel(self, controller: str) -> None:
        goal = self._goals.pop(controller)
        handle = goal.handle or goal.replaces
        if handle is not None and not goal.ended:
            handle.cancel_goal_async()

    # ------------------------------------------------------------------ looking after

    def _look(self) -> None:
        if self._shaped is not None:
            self._begin()
        if any(goal.stopping for goal in self._goals.values()):
            self._look_at_stop()
        elif self._goals and not self._actuator.performing:
            self.stop(self._actuator.command())
        elif self._goals:
            self._look_at_movement()
        if not self._goals and self._shaped is None:
            self._performance = None
            self._actuator.release()
            self._timer.cancel()

    def _look_at_stop(self) -> None:
        """Let streaming take over where the robot stands, or does not take the stop."""
        velocity = self._actuator.shaper.motion.velocity
        for controller, goal in list(self._goals.items()):
            stands = not velocity[self._columns[controller]].any()
            if goal.ended or (goal.handle is not None and stands):
                del self._goals[controller]
            elif goal.handle is None and time.monotonic() - goal.sent > _ANSWER:
                self._cancel(controller)

    def _look_at_movement(self) -> None:
        actuator, goals = self._actuator, self._goals
        passed = time.monotonic() - min(goal.sent for goal in goals.values())
        late = [name for name, goal in goals.items() if goal.handle is None]
        if late and passed > _ANSWER:
            # It may have begun or not: nothing that is sent now would be sure to fit.
            reason = f"{', '.join(late)} did not answer to a movement"
            self._unwanted(reason)
            actuator.failed(np.zeros(0, int), reason)
        elif actuator.played and all(goal.ended for goal in goals.values()):
            goals.clear()
            self._tell("performed as a whole")
        elif actuator.played and passed > self._performance.duration + _RESULT:
            for controller in list(goals):
                self._cancel(controller)
            actuator.faults["goal_without_result"] += 1
            self._tell("no result of a movement; it goes on by streaming", good=False)

    def stop(self, command: Command) -> None:
        """Replace the goals under way by one that stops the robot as a command does.

        Parameters
        ----------
        command : Command
            Ends in a stop.
        """
        for controller, goal in list(self._goals.items()):
            rows = self._columns[controller]
            if goal.ended:
                del self._goals[controller]
            elif not goal.stopping:
                self._send(controller, command.times, command.positions[:, rows],
                           command.velocities[:, rows], stops=goal)

    def leave(self, command: Command) -> frozenset[str]:
        """Stop the robot for a process that ends; return the controllers that got its stop."""
        self.stop(command)
        busy = self.busy
        if busy:
            time.sleep(_FAREWELL)
        return busy


def _work(shape: Callable[[], Performance], shaped: Future[Performance]) -> None:
    """Compute a performance and hand it, or what went wrong, over."""
    try:
        shaped.set_result(shape())
    except Exception as error:
        shaped.set_exception(error)
