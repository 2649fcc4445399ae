# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Acts out what the mirror sees: shaped, watched over, and only while enabled."""

from __future__ import annotations

import math
import sys
import threading
import time
from array import array
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
from geometry_msgs.msg import PointStamped
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float32
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from mirror_robot.actuation.actuator import SOURCES, Actuator, Command, Settings
from mirror_robot.actuation.clearance import Clearance
from mirror_robot.actuation.limits import JointLimits
from mirror_robot.actuation.nearness import HandSpeed
from mirror_robot.actuation.pace import Pace
from mirror_robot.actuation.safety import ARMED, Answer, Silence, State
from mirror_robot.body.model import load_model
from mirror_robot.nodes.diagnostics import ERROR, OK, WARN, Diagnostics, Percentiles, Rate
from mirror_robot.nodes.messages import to_seconds, to_time
from mirror_robot.nodes.outputs import (
    GRIPPERS,
    NO_EVENTS,
    OUTPUTS,
    RELIABLE,
    GripperOutput,
    PositionOutput,
    TrajectoryOutput,
    load_gripper_action,
)
from mirror_robot.nodes.parameters import Parameter, ParameterError, declare
from mirror_robot.nodes.performing import Performances, load_action
from mirror_robot.nodes.polling import messages, subscribe_polled
from mirror_robot.nodes.running import bring_up, run, tells

_DEFAULT = Settings()

PARAMETERS: tuple[Parameter, ...] = (
    Parameter("robot", "kagami", "Name of a known robot, or path of a robot profile (YAML)."),
    Parameter("autostart", True, "Configure and activate without a lifecycle manager."),
    Parameter("enabled_at_start", False,
              "Enable by itself, once, as soon as that is allowed. For simulations: a robot that "
              "can hurt somebody is enabled by a person who looks at it."),
    Parameter("preview", _DEFAULT.preview,
              "Publish commands on actuation/preview only, for a ghost; the robot gets none."),
    Parameter("command_interface", "trajectory",
              "trajectory: <controller>/joint_trajectory for a joint_trajectory_controller; each "
              "message ends in a stop. position: <controller>/commands for a "
              "forward_command_controller, which goes on holding the last position. velocity: the "
              "same with velocities; such a controller goes on moving when this process dies, so "
              "use it only where the hardware itself stops when commands end.",
              choices=("trajectory", "position", "velocity")),
    Parameter("performances", "stream",
              "How movements of the repertoire reach the robot. stream: as everything does. "
              "action: each as one goal of <controller>/follow_joint_trajectory, where "
              "control_msgs is installed and the controller offers it; such a goal goes on to its "
              "end when this process is killed, so use it only where a person can stop the robot.",
              choices=("stream", "action")),
    Parameter("rate", _DEFAULT.rate, "Rate of the control loop.", "Hz", 20.0, 500.0),
    Parameter("command_rate", _DEFAULT.command_rate,
              "Rate at which trajectories are sent; positions and velocities are sent at the "
              "loop's rate.",
              "Hz", 5.0, 500.0),
    Parameter("speed_scale", _DEFAULT.speed_scale,
              "Fraction of all velocity, acceleration and jerk limits, while following.",
              "", 0.01, 1.0, changeable=True),
    Parameter("rest_scale", _DEFAULT.rest_scale,
              "Fraction of the limits on the way to rest.", "", 0.01, 1.0),
    Parameter("bandwidth", _DEFAULT.bandwidth,
              "Of the tracking law; higher follows more closely and passes on more noise. At most "
              "0.3 of the rate.", "1/s", 1.0, 100.0),
    Parameter("blend_time", _DEFAULT.blend_time,
              "A joint that begins to follow reaches full speed in this time.", "s", 0.0, 30.0),
    Parameter("target_timeout", _DEFAULT.target_timeout,
              "A joint whose target is silent for this long stops.", "s", 0.05, 10.0),
    Parameter("hold_time", _DEFAULT.hold_time,
              "A joint that stopped for want of a target goes to rest after this time.",
              "s", 0.0, 600.0),
    Parameter("target_max_age", _DEFAULT.target_max_age,
              "Oldest image, by its stamp, that is acted out.", "s", 0.05, 10.0),
    Parameter("target_jump", _DEFAULT.target_jump,
              "A target that jumps farther is dropped unless the next one confirms it.",
              "rad", 0.05, 10.0),
    Parameter("joint_state_timeout", _DEFAULT.joint_state_timeout,
              "Without joint states for this long the robot is stopped and disarmed.",
              "s", 0.05, 10.0),
    Parameter("tracking_error", _DEFAULT.tracking_error,
              "Distance of a joint from its command that stops the robot ...", "rad", 0.01, 10.0),
    Parameter("tracking_time", _DEFAULT.tracking_time,
              "... when it lasts this long.", "s", 0.0, 10.0),
    Parameter("start_tolerance", _DEFAULT.start_tolerance,
              "How far outside of its range a joint may be when the robot is enabled.",
              "rad", 0.0, 3.2),
    Parameter("deadman_timeout", _DEFAULT.deadman_timeout,
              "The topic deadman (true) must be refreshed within this time; 0: no deadman.",
              "s", 0.0, 10.0),
    Parameter("near_distance", _DEFAULT.near_distance,
              "While a person is nearer than this, or it is unknown how near, the hands are slow; "
              "0: never.", "m", 0.0, 20.0),
    Parameter("hand_speed", _DEFAULT.hand_speed,
              "Speed of the hands that is not exceeded while a person is near.", "m/s", 0.01, 5.0),
    Parameter("hold_distance", _DEFAULT.hold_distance,
              "While a person is nearer than this, or it is unknown how near, the robot holds "
              "still; 0: never.", "m", 0.0, 20.0),
    Parameter("distance_timeout", _DEFAULT.distance_timeout,
              "A distance that was not heard of for this long is unknown.", "s", 0.05, 10.0),
    Parameter("distance_source", "distance",
              "Where it is told how near people are. distance: human/distance, a Float32 of the "
              "nearest person [m], infinity when there is nobody. position: human/position, a "
              "PointStamped of the nearest person in a frame that stands where the robot does.",
              choices=("distance", "position")),
)

# A robot's joints may come in several messages at once, so more than one must fit.
_STATES = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
# How often [s] what does not depend on the (perhaps simulated) clock is looked after ...
_SUPERVISION = 0.2
# ... and how long the loop may stand still [s].
_LOOP_TIMEOUT = 1.0


def _settings(values: Any, interfaces: Collection[str]) -> Settings:
    """Return the settings that parameter values describe, for controllers with `interfaces`."""
    names = (name for name in Settings.__dataclass_fields__)
    settings = {name: getattr(values, name) for name in names}
    if not {"position", "velocity"}.isdisjoint(interfaces):
        settings["command_rate"] = values.rate
    if values.performances == "action" and "trajectory" not in interfaces:
        raise ParameterError("performances = action needs command_interface = trajectory: "
                             "other controllers take no goals")
    if settings["command_rate"] > values.rate:
        raise ParameterError(
            f"command_rate = {values.command_rate} Hz is above rate = {values.rate} Hz")
    if values.bandwidth > 0.3 * values.rate:
        raise ParameterError(f"bandwidth = {values.bandwidth} 1/s is too high for rate = "
                             f"{values.rate} Hz: at most {0.3 * values.rate:g}")
    return Settings(**settings)


class ActuationNode(LifecycleNode):
    """Sends the robot's controllers what the mirror wants, within limits and while enabled.

    Subscribes ``mirror/posture``, ``mirror/face``, ``joint_states``, ``emergency_stop``, and
    ``deadman`` where one is used; ``human/distance`` or ``human/position`` tells how near people
    are. Publishes ``<controller>/joint_trajectory`` (or ``/commands``) and ``actuation/command``,
    and for a face on a display ``actuation/face``, each channel as its share -1..1 of the full
    expression. With ``performances`` = action, movements on ``mirror/performance`` become goals of
    ``<controller>/follow_joint_trajectory``; what the profile calls a gripper gets goals of
    ``<controller>/gripper_cmd``. Offers ``~/enable``, ``~/stop``, ``~/relax`` and
    ``~/reset``.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("actuation_node", **arguments)
        self._values = declare(self, PARAMETERS, self._changed)
        model = load_model(self._values.robot)
        self._limits = JointLimits.from_model(model)
        self._face = tuple(model.profile.face)
        if not model.profile.controllers:
            raise ParameterError(
                f"the profile {model.profile.path} names no controllers; commands would reach "
                "nobody. List them under controllers: {<controller>: [<joint>, ...]}")
        self._controllers = {
            name: [model.index[joint] for joint in joints]
            for name, joints in model.profile.controllers.items()}
        self._interfaces = {
            name: model.profile.interfaces.get(name, self._values.command_interface)
            for name in self._controllers}
        self._effort = model.profile.effort
        settings = _settings(self._values, self._interfaces.values())
        # Grippers close on things: that they do not get where they are told is no fault.
        grippers = [columns[0] for name, columns in self._controllers.items()
                    if self._interfaces[name] in GRIPPERS]
        self.actuator = Actuator(
            self._limits, model.rest, settings,
            HandSpeed(model, settings.hand_speed) if settings.near_distance > 0.0 else None,
            Clearance(model, 1.0 / settings.rate), unwatched=grippers)
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._rates = {name: Rate() for name in (*SOURCES, "joint_states", "commands", "loop")}
        self._latency, self._cost = Percentiles(), Percentiles(1000)
        self._loop_silent = Silence(1, grain=1.25 * _SUPERVISION)
        self._outputs: dict[str, TrajectoryOutput | PositionOutput | GripperOutput] = {}
        self._performances: Performances | None = None
        self._kept: list[Callable[[], object]] = []
        self._polled: list[tuple[Subscription, Callable[[JointState], None]]] = []
        self._pending = self._values.enabled_at_start
        self._told: tuple[State, str] | str = ""
        self._latest_stamp: float | None = None
        self._active = self._commanding = False
        # Held by whoever touches the actuator. The loop has a thread of its own: as a timer of the
        # executor it would cost twice as much, and a service that takes long would hold it up.
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._diagnostics = Diagnostics(self, self._report)
        if self._values.autostart:
            bring_up(self)

    # ------------------------------------------------------------------ lifecycle

    @tells
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Create what the node listens to and talks to; nothing is sent yet."""
        values, names = self._values, self._limits.names
        preview = values.preview
        self._command_publisher = self.create_publisher(
            JointState, "actuation/preview" if preview else "actuation/command", RELIABLE,
            event_callbacks=NO_EVENTS)
        self._command_message = JointState(name=list(names))
        # A face on a display has no joints to drive; it takes shares of full expression instead.
        face = np.array([names.index(joint) for joint in self._face], int)
        self._face_message = JointState(name=[names[i] for i in face])
        self._face_columns = face
        self._face_publisher = None if preview or not len(face) else self.create_publisher(
            JointState, "actuation/face", RELIABLE, event_callbacks=NO_EVENTS)
        if not preview:
            for controller, columns in self._controllers.items():
                self._outputs[controller] = self._output(controller, columns)
            if values.performances == "action":
                self._configure_performances()
        for source in SOURCES:
            self._poll(f"mirror/{source}", RELIABLE,
                       lambda message, source=source: self._on_target(source, message))
        self._poll("joint_states", _STATES, self._on_joint_states)
        self._listen(Bool, "emergency_stop", self._on_emergency)
        if values.deadman_timeout > 0.0:
            self._listen(Bool, "deadman",
                         lambda message: self.actuator.refresh_deadman(message.data))
        if values.distance_source == "distance":
            self._listen(Float32, "human/distance", lambda message: self._near(message.data),
                         _STATES)
        else:
            self._listen(PointStamped, "human/position", lambda message: self._near(
                math.dist((0.0, 0.0, 0.0), (
                    message.point.x, message.point.y, message.point.z))), _STATES)
        self._serve(SetBool, "~/enable", self._on_enable)
        for name, call in (("stop", self._stop), ("relax", self.actuator.relax),
                           ("reset", self.actuator.reset)):
            self._serve(Trigger, f"~/{name}",
                        lambda request, response, call=call: _answer(response, call()))
        for output in self._outputs.values():
            self._kept.append(lambda output=output: output.destroy(self))
        for publisher in filter(None, [self._command_publisher, self._face_publisher]):
            self._kept.append(lambda publisher=publisher: self.destroy_publisher(publisher))
        return TransitionCallbackReturn.SUCCESS

    def _output(
        self, controller: str, columns: list[int],
    ) -> TrajectoryOutput | PositionOutput | GripperOutput:
        """Return what talks to a controller in the way that it takes."""
        interface, names = self._interfaces[controller], self._limits.names
        index = np.array(columns)
        if interface in OUTPUTS:
            return OUTPUTS[interface](self, f"{controller}/commands", index)
        if interface not in GRIPPERS:
            return TrajectoryOutput(self, f"{controller}/joint_trajectory",
                                    [names[i] for i in columns], index)
        action = load_gripper_action(interface)
        if action is None:
            raise ParameterError(
                f"{controller} takes the action {GRIPPERS[interface]} of control_msgs, which is "
                "not installed: apt install ros-$ROS_DISTRO-control-msgs, or give it another "
                "interface in the profile")
        column = columns[0]
        return GripperOutput(
            self, action, controller, names[column], column,
            float(self._limits.upper[column] - self._limits.lower[column]),
            self._effort.get(controller, 0.0))

    def _configure_performances(self) -> None:
        action = load_action()
        if action is None:
            self.get_logger().warning(
                "control_msgs is not installed: movements of the repertoire are streamed")
            return
        self._performances = Performances(
            self, action, self.actuator,
            {name: columns for name, columns in self._controllers.items()
             if self._interfaces[name] == "trajectory"}, self._lock, self._steady)
        self._listen(JointTrajectory, "mirror/performance", self._performances.receive)

    @tells
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the loop; the robot stays disarmed unless `enabled_at_start`."""
        for subscription, _ in self._polled:
            list(messages(subscription))  # from when nobody listened
        self._loop_silent.heard()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._pace, name="actuation", daemon=True)
        self._thread.start()
        self._supervision_timer = self.create_timer(
            _SUPERVISION, self._supervise, clock=self._steady)
        self._active = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Bring the robot to a hold and stop the loop."""
        self._leave("the node was deactivated")
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undo `on_configure`."""
        self._dispose()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Bring the robot to a hold."""
        self._leave("the node was shut down")
        self._dispose()
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Bring the robot to a hold before the process ends."""
        self._leave("the node ends")

    def _leave(self, reason: str) -> None:
        if not self._active:
            return
        self._active = False
        self._stopping.set()
        self._thread.join()
        self.destroy_timer(self._supervision_timer)
        if command := self.actuator.leave(reason):
            self._publish_command(command)
            busy = self._performances.leave(command) if self._performances else ()
            for controller, output in self._outputs.items():
                if controller not in busy:
                    output.send_last(command)
        self._diagnostics.publish()

    def _listen(self, kind: type, topic: str, callback: Callable[[Any], None],
                qos: QoSProfile = RELIABLE) -> None:
        subscription = self.create_subscription(kind, topic, self._locked(callback), qos)
        self._kept.append(lambda: self.destroy_subscription(subscription))

    def _poll(self, topic: str, qos: QoSProfile, callback: Callable[[JointState], None]) -> None:
        subscription = subscribe_polled(self, JointState, topic, qos)
        self._polled.append((subscription, callback))
        self._kept.append(lambda: self.destroy_subscription(subscription))

    def _locked(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            with self._lock:
                return callback(*arguments)
        return call

    def _serve(self, kind: type, name: str, callback: Callable[[Any, Any], Any]) -> None:
        service = self.create_service(kind, name, self._locked(callback))
        self._kept.append(lambda: self.destroy_service(service))

    def _dispose(self) -> None:
        for destroy in self._kept:
            destroy()
        self._kept.clear()
        self._outputs.clear()
        if self._performances is not None:
            self._performances.destroy()
            self._performances = None
        self._polled.clear()

    # ------------------------------------------------------------------ input

    def _now(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9

    def _on_target(self, source: str, message: JointState) -> None:
        self._rates[source].tick()
        refusal = self.actuator.receive_targets(
            source, message.name, message.position, to_seconds(message.header.stamp),
            self._now(), time.monotonic())
        if refusal:
            self.get_logger().warning(
                f"dropped a message on mirror/{source}: {refusal.text}",
                throttle_duration_sec=5.0)

    def _on_joint_states(self, message: JointState) -> None:
        self._rates["joint_states"].tick()
        self.actuator.receive_joint_states(message.name, message.position, message.velocity)

    def _near(self, distance: float) -> None:
        if not self.actuator.nearness.receive(distance, time.monotonic()):
            self.get_logger().warning(f"{distance} m is no distance of a person",
                                      throttle_duration_sec=5.0)

    def _on_emergency(self, message: Bool) -> None:
        self.actuator.emergency(message.data)
        self._tell()

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> Any:
        if not request.data:
            return _answer(response, self._stop())
        if not self._active:
            return _answer(response, Answer(False, "the node is not active"))
        answer = self.actuator.enable(time.monotonic())
        self._tell()
        return _answer(response, answer)

    def _stop(self) -> Answer:
        self._pending = False
        answer = self.actuator.stop("stopped by request")
        self._tell()
        return answer

    def _changed(self, name: str, value: Any) -> None:
        # The only parameter that may change while the node runs.
        if name == "speed_scale":
            self.actuator.speed_scale = value  # a single assignment needs no lock

    # ------------------------------------------------------------------ the loop

    def _pace(self) -> None:
        """Run the loop until told to stop, once per command at the pace of the node's clock.

        What comes in between two commands could not be sent anyway, so it is looked at then.
        """
        settings = self.actuator.settings
        period = settings.steps / settings.rate
        due, pace = time.monotonic(), Pace(period, self._now())
        try:
            while not self._stopping.wait(max(due - time.monotonic(), 0.0)):
                due = max(due + period, time.monotonic())
                now = self._now()
                if pace.due(now):
                    with self._lock:
                        self._tick(now)
        except BaseException as error:
            # Raised again where it ends the process in order; the robot runs into its stop.
            self._failure = error

    def _tick(self, now: float) -> None:
        begin = time.monotonic()
        self._loop_silent.heard()
        self._rates["loop"].tick()
        for subscription, callback in self._polled:
            for message in messages(subscription):
                callback(message)
        command = self.actuator.tick(now, begin, self.actuator.settings.steps)
        if command is not None:
            self._publish_command(command)
            # Whoever makes a whole movement needs no commands, and must not get any.
            busy = self._performances.busy if self._performances else ()
            for controller, output in self._outputs.items():
                if controller not in busy:
                    output.send(command)
            self._rates["commands"].tick()
        elif self._commanding:
            for output in self._outputs.values():
                output.rest()
        self._commanding = command is not None
        if (self.actuator.state, self.actuator.supervisor.reason) != self._told:
            self._tell()
        self._cost.add(time.monotonic() - begin)

    def _publish_command(self, command: Command) -> None:
        message, now = self._command_message, self._now()
        if command.stamp is not None and command.stamp != self._latest_stamp:
            self._latest_stamp = command.stamp
            self._latency.add(now - command.stamp)
        message.header.stamp = to_time(now if command.stamp is None else command.stamp)
        # Commands have no frame; what they come from is what a reader wants to know.
        message.header.frame_id = command.state.value
        message.position = array("d", command.positions[0].tobytes())
        message.velocity = array("d", command.velocities[0].tobytes())
        self._command_publisher.publish(message)
        if self._face_publisher is not None and self._face_publisher.get_subscription_count():
            face, limits = self._face_columns, self._limits
            position = command.positions[0][face]
            end = np.where(position > 0.0, limits.upper[face], -limits.lower[face])
            shares = position / np.where(end > 0.0, end, 1.0)
            self._face_message.header = message.header
            self._face_message.position = array("d", np.clip(shares, -1.0, 1.0).tobytes())
            self._face_publisher.publish(self._face_message)

    def _supervise(self) -> None:
        """Look after what must not depend on the node's clock."""
        if self._failure is not None:
            raise self._failure
        with self._lock:
            self._look_after()

    def _look_after(self) -> None:
        if self._loop_silent.check(time.monotonic())[0] > _LOOP_TIMEOUT:
            self.get_logger().warning(
                "the clock stands still; is /clock published (use_sim_time is set)?",
                throttle_duration_sec=10.0)
            self.actuator.stop("the clock stood still")
        elif self._pending:
            answer = self.actuator.enable(time.monotonic())
            if answer.accepted:
                self._pending = False
            else:
                self.get_logger().info(f"not enabled yet: {answer.text}",
                                       throttle_duration_sec=5.0)
        self._tell()

    def _tell(self) -> None:
        """Log and publish the state when it changed."""
        supervisor = self.actuator.supervisor
        told = supervisor.state, supervisor.reason
        if told == self._told:
            return
        calm = supervisor.state in ARMED or not self._told or "request" in supervisor.reason
        self._told = told
        text = f"{supervisor.state.value}: {supervisor.reason}"
        # Two calls: rclpy wants one severity per line of code.
        if calm:
            self.get_logger().info(text)
        else:
            self.get_logger().warning(text)
        self._diagnostics.publish()

    # ------------------------------------------------------------------ diagnostics

    def _report(self) -> tuple[bytes, str, Mapping[str, Any]]:
        with self._lock:
            return self._status()

    def _status(self) -> tuple[bytes, str, Mapping[str, Any]]:
        actuator, names = self.actuator, self._limits.names
        state, reason = actuator.state, actuator.supervisor.reason
        p50, p95 = self._latency()
        cost50, cost95 = self._cost()
        worst = int(np.argmax(actuator.tracking_error))
        hits = ", ".join(f"{names[i]} {actuator.limit_hits[i]}"
                         for i in np.argsort(-actuator.limit_hits) if actuator.limit_hits[i])
        values = {
            "state": state.value, "reason": reason,
            **{f"{name}_rate [Hz]": rate() for name, rate in self._rates.items()},
            "latency_p50 [s]": p50, "latency_p95 [s]": p95,
            "loop_cost_p50 [s]": cost50, "loop_cost_p95 [s]": cost95,
            "tracking_error_max [rad]": float(actuator.tracking_error[worst]),
            "tracking_error_joint": names[worst],
            "limits_hit": hits or "none",
            "person_distance [m]": actuator.nearness.distance(time.monotonic()),
            "dropped": sum(actuator.drops.values()),
            **{f"dropped_{key}": count for key, count in actuator.drops.items()},
            "last_dropped": actuator.refusal or "nothing",
            **{f"fault_{key}": count for key, count in actuator.faults.items()},
            "ruckig_failures": actuator.shaper.failures,
            "braked_for_clearance": actuator.clearance.braked,
            "detours": actuator.clearance.detours,
        }
        for name, output in self._outputs.items():
            if isinstance(output, GripperOutput):
                values[f"goals of {name}"] = f"{output.goals}, {output.refused} refused"
        if self._performances is not None:
            values |= {"goals_accepted": self._performances.accepted,
                       "goals_succeeded": self._performances.succeeded,
                       "last_performance": self._performances.told}
        calm = state in ARMED or "request" in reason or reason == "not enabled yet"
        level = ERROR if state is State.EMERGENCY else OK if calm else WARN
        return level, f"{state.value}: {reason}", values


def _answer(response: Any, answer: Answer) -> Any:
    response.success, response.message = answer.accepted, answer.text
    return response


def main() -> int:
    """Run the node; the entry point of ``ros2 run mirror_robot actuation_node``."""
    return run(ActuationNode)


if __name__ == "__main__":
    sys.exit(main())
