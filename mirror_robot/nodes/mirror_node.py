# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Re-lives in the robot's own body what perception sees, tells what it understands, and acts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import PointStamped, PoseStamped, QuaternionStamped, Vector3Stamped
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import ColorRGBA, Header, String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from mirror_robot.body.description import parse_description, root_link
from mirror_robot.body.fingers import finger_positions
from mirror_robot.body.model import load_model
from mirror_robot.human.observation import FaceObservation
from mirror_robot.mirror.acting import MODES, Acting, Wanted
from mirror_robot.mirror.goals import NONE as NO_OBJECT
from mirror_robot.mirror.live import LiveRepertoire
from mirror_robot.mirror.manner import Performer
from mirror_robot.mirror.memory import Diary, Memory
from mirror_robot.mirror.metaphor import load_metaphors
from mirror_robot.mirror.narration import known_languages, parse_name
from mirror_robot.mirror.recognition import Activation, Prediction
from mirror_robot.mirror.response import Responder, load_responses
from mirror_robot.mirror.system import CHANNELS, MirrorSystem, MirrorUnits, Reading
from mirror_robot.mirror.words import Vocabulary
from mirror_robot.motor.primitive import Trajectory
from mirror_robot.motor.shown import shown_path
from mirror_robot.nodes.diagnostics import OK, STALE, WARN, Diagnostics, Percentiles, Rate
from mirror_robot.nodes.frames import Frames
from mirror_robot.nodes.humans import optional
from mirror_robot.nodes.messages import (
    cloud_to_body,
    expression_message,
    joint_state,
    named_values,
    to_rotation,
    to_seconds,
    to_time,
)
from mirror_robot.nodes.objects import Objects, parse_objects, parse_place
from mirror_robot.nodes.parameters import Parameter, declare
from mirror_robot.nodes.polling import messages, subscribe_polled
from mirror_robot.nodes.running import run
from mirror_robot.nodes.teaching import Teaching

PARAMETERS: tuple[Parameter, ...] = (
    Parameter("robot", "kagami", "name of a known robot, or path of a robot profile (YAML)"),
    Parameter("mirror_image", True,
              "the person's right drives the robot's left, as in a mirror; else anatomical",
              changeable=True),
    Parameter("repertoire", "", "path of a repertoire (YAML); empty takes the package's own"),
    Parameter("taught", "", "file of the movements that were taught, taken up whenever it "
              "changes; empty takes the user's own"),
    Parameter("lesson_repetitions", 3, "how often a movement is to be shown in a lesson", "",
              1, 20, changeable=True),
    Parameter("lesson_countdown", 3, "from which number a lesson counts down", "s", 0, 30,
              changeable=True),
    Parameter("objects", [""], "what may be reached for, each as 'name x y z' in the robot's root "
              "frame, such as 'cup 0.6 -0.2 1.0'", "m", changeable=True, check=parse_objects),
    Parameter("object_frames", [""], "TF frames of further objects; their names are the frames'",
              changeable=True),
    Parameter("person_at", "1.2 0 0.95", "where the hips of the person are in the robot's root "
              "frame as long as TF does not tell: x y z", "m", changeable=True, check=parse_place),
    Parameter("intentions", "", "path of a table of intentions; empty takes the package's own"),
    Parameter("metaphors", "", "path of a table of metaphors; empty takes the package's own"),
    Parameter("responses", "", "path of a table of responses; empty takes the package's own"),
    Parameter("mode", "mimic", "mimic copies what is seen; respond answers it by the table of "
              "responses", choices=MODES, changeable=True),
    Parameter("selective", False, "do not copy the expressions that the table of responses "
              "spares: match the smile, not the tears", changeable=True),
    Parameter("delay", 0.0, "copy so much later; negative anticipates by the prediction (people "
              "answer a smile within 0.2 to 0.4 s)", "s", -0.5, 2.0, changeable=True),
    Parameter("language", "en", "of the narration", choices=known_languages()),
    Parameter("amplitude", 1.0, "how far the robot goes where the person goes 1", "", 0.0, 2.0),
    Parameter("own_share", 0.2, "weight of the robot's own state in what it feels", "", 0.0, 1.0),
    Parameter("person_name", "", "what the person who is attended to is called, in the narration "
              "and in the memory; forgotten when they have gone", changeable=True,
              check=parse_name),
    Parameter("remember", False, "keep episodes of what people do and feel, in one file on this "
              "machine (`mirror_robot memory`)"),
    Parameter("memory_file", "", "where they are kept; empty for MIRROR_ROBOT_MEMORY, or "
              "mirror_robot/memory.sqlite in the user's data folder"),
    Parameter("self_rate", 25.0, "rate at which the robot's own movement is recognised", "Hz",
              1.0, 200.0),
    Parameter("lost_after", 1.0, "a person who was not seen for this long has gone", "s",
              0.2, 60.0),
)

_SEEN = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
_TOLD = QoSProfile(depth=10)
_WANTED = QoSProfile(depth=1)
# As many as a robot may tell between two looks that tells its joints in several messages.
_STATES = QoSProfile(depth=20, reliability=ReliabilityPolicy.BEST_EFFORT)
# How often faded episodes are forgotten [s].
_FADE_EVERY = 600.0
# Rate at which performances, responses and delayed copies are told [Hz].
_ACT_RATE = 50.0
# Fingers that were not seen for this long [s] are unknown.
_FINGERS_FRESH = 0.3
# A face alone drives the understanding when no body came with it for this long [s].
_BODY_LEADS = 0.15


class MirrorNode(Node):
    """Subscribes ``human/*``, ``joint_states`` and ``perform``, publishes ``mirror/*``."""

    def __init__(self, **options: Any) -> None:
        super().__init__("mirror_node", **options)
        values = declare(self, PARAMETERS, self._changed)
        self._values = values
        model = load_model(values.robot)
        self._names, self._root = model.joint_names, root_link(
            parse_description(model.urdf, str(model.profile.description)))
        taught = Path(values.taught).expanduser() if values.taught else shown_path()
        self._live = LiveRepertoire(model, values.repertoire or None, taught, MirrorUnits.of)
        units = self._live.first()
        repertoire = units.repertoire
        metaphors = self._metaphors = load_metaphors(values.metaphors or None)
        self._mirror = MirrorSystem(
            units, mirror_image=values.mirror_image, intentions=values.intentions or None,
            metaphors=metaphors, language=values.language, own_share=values.own_share,
            amplitude=values.amplitude)
        self._mirror.person_name = parse_name(values.person_name)
        self._acting = Acting(
            Performer(repertoire), metaphors, Vocabulary(repertoire.names, values.language),
            Responder(load_responses(values.responses or None)), mode=values.mode,
            selective=values.selective, delay=values.delay)
        # The disk may make wait: the stream does not.
        self._writing = ThreadPoolExecutor(1, "diary") if values.remember else None
        self._diary = None if self._writing is None else Diary(
            Memory(values.memory_file or None, threads=True), self._writing)
        tf2 = optional("tf2_msgs.msg")
        self._objects = Objects(self._root, None if tf2 is None else Frames(self, tf2))
        self._set_objects()
        self._heading = 0.0
        self._object_places: Mapping[str, np.ndarray] = {}
        self._own = np.full(len(model.joint_names), np.nan)
        self._body_seen = self._seen = -np.inf
        self._fingers, self._fingers_seen = self._own.copy(), -np.inf
        self._residual: Mapping[str, float] = {}
        self._missing: tuple[str, ...] = ()
        self._reading: Reading | None = None
        self._congruence = float("nan")
        self._latency, self._cost = Percentiles(), Percentiles()
        self._rates = {name: Rate() for name in ("body", "face", "self")}

        create = self.create_publisher
        self._posture = create(JointState, "mirror/posture", _WANTED)
        self._face = create(JointState, "mirror/face", _WANTED)
        self._activation = create(JointState, "mirror/activation", _TOLD)
        # The same, parted: tools that plot by topic and name do not look at the frame.
        self._activation_of = {whose: create(JointState, f"mirror/activation/{whose}", _TOLD)
                               for whose in ("person", "self")}
        self._intention = create(String, "mirror/intention", _TOLD)
        self._intentions = create(JointState, "mirror/intentions", _TOLD)
        self._narration = create(String, "mirror/narration", _TOLD)
        self._affect = create(Vector3Stamped, "mirror/affect", _TOLD)
        self._colour = create(ColorRGBA, "mirror/colour", _TOLD)
        self._hri = optional("hri_msgs.msg")
        self._expression = None if self._hri is None else create(
            self._hri.Expression, "mirror/expression", _TOLD)
        self._prediction = create(JointTrajectory, "mirror/prediction", _TOLD)
        self._goal = create(PointStamped, "mirror/goal", _TOLD)
        self._goals = create(JointState, "mirror/goals", _TOLD)
        self._performing = create(String, "mirror/performing", _TOLD)
        self._performance = create(JointTrajectory, "mirror/performance", _TOLD)
        self._performed: Trajectory | None = None
        self._performed_until = -np.inf
        self._response = create(String, "mirror/response", _TOLD)
        listen = self.create_subscription
        listen(String, "perform", self._on_perform, _TOLD)
        listen(PointCloud2, "human/body", self._on_body, _SEEN)
        listen(JointState, "human/face", self._on_face, _SEEN)
        listen(JointState, "human/fingers", self._on_fingers, _SEEN)
        listen(PoseStamped, "human/head", self._on_head, _SEEN)
        listen(QuaternionStamped, "human/heading", self._on_heading, _SEEN)
        listen(String, "human/name", self._on_name, _TOLD)
        # Polled: Gazebo tells its joints at every step of the physics.
        self._states = subscribe_polled(self, JointState, "joint_states", _STATES)
        self._teaching = Teaching(
            self, model, taught, lambda: self._mirror.units.repertoire.units,
            lambda: values.lesson_repetitions, lambda: values.lesson_countdown)
        self.create_timer(1.0 / values.self_rate, self._feel_self)
        self.create_timer(0.2, self._look_for_absence)
        self.create_timer(0.2, self._take_up)
        if self._diary is not None:
            self.create_timer(_FADE_EVERY, self._fade)
            self.get_logger().info(
                f"remembers in {self._diary.path}; `mirror_robot memory erase` erases")
            self._fade()
        self._act_timer = self.create_timer(1.0 / _ACT_RATE, self._act)
        self._act_or_rest()
        self._diagnostics = Diagnostics(self, self._report)
        self.get_logger().info(
            f"{model.profile.name} re-lives people with {len(repertoire)} units"
            + (", as in a mirror" if values.mirror_image else ""))

    def _now(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9

    # What is seen

    def _on_body(self, message: PointCloud2) -> None:
        try:
            body = cloud_to_body(message)
        except ValueError as error:
            self._drop("human/body", error)
            return
        if not body.visibility.any():
            self._drop("human/body", ValueError("no landmark is finite"))
            return
        begin = self._now()
        if len(self._objects):
            names, seen, in_root = self._objects.seen_from(body.id, self._heading)
            self._object_places = dict(zip(names, in_root))
            self._mirror.see_objects(names, seen)
        posture = self._mirror.see_body(body)
        self._teaching.see(self._mirror.posture,
                           self._reading.understanding.affect if self._reading else None)
        self._residual, self._missing = posture.residual, posture.missing
        positions = posture.positions
        if 0.0 <= body.stamp - self._fingers_seen <= _FINGERS_FRESH:
            positions = np.where(np.isfinite(self._fingers), self._fingers, positions)
        self._copy(body.stamp, positions,
                   self._reading.prediction if self._reading else None)
        self._rates["body"].tick()
        self._body_seen = body.stamp
        self._understand(body.stamp)
        self._latency.add(begin - body.stamp)
        self._cost.add(self._now() - begin)

    def _on_face(self, message: JointState) -> None:
        stamp = to_seconds(message.header.stamp)
        try:
            coefficients = named_values(message)
        except ValueError as error:
            self._drop("human/face", error)
            return
        known = {name: value for name, value in coefficients.items() if np.isfinite(value)}
        if not known:
            self._drop("human/face", ValueError("no coefficient is finite"))
            return
        positions = self._mirror.see_face(FaceObservation(
            stamp, message.header.frame_id.removeprefix("face_"), known))
        self._copy(stamp, positions,
                   self._mirror.predict_face() if self._values.delay < 0 else None)
        self._rates["face"].tick()
        if not 0 <= stamp - self._body_seen <= _BODY_LEADS:
            self._understand(stamp)

    def _on_fingers(self, message: JointState) -> None:
        try:
            curls = named_values(message)
        except ValueError as error:
            self._drop("human/fingers", error)
            return
        # They go with the next posture of the body, which the hands hang on.
        self._fingers = finger_positions(self._mirror.model, curls, self._values.mirror_image)
        self._fingers_seen = to_seconds(message.header.stamp)

    def _on_head(self, message: PoseStamped) -> None:
        try:
            rotation = to_rotation(message.pose.orientation)
        except ValueError as error:
            self._drop("human/head", error)
            return
        self._mirror.see_head(to_seconds(message.header.stamp), rotation)

    def _on_heading(self, message: QuaternionStamped) -> None:
        try:
            rotation = to_rotation(message.quaternion)
        except ValueError as error:
            self._drop("human/heading", error)
            return
        self._heading = float(np.arctan2(rotation[1, 0], rotation[0, 0]))
        self._mirror.see_heading(self._heading)

    def _drop(self, topic: str, error: ValueError) -> None:
        self._diagnostics.counts[f"dropped {topic}"] += 1
        self.get_logger().warning(f"dropped a message on {topic}: {error}",
                                  throttle_duration_sec=5.0)

    def _look_for_absence(self) -> None:
        now = self._now()
        if now < self._seen - 1.0:  # the clock jumped back
            self._seen = now
        if self._mirror.person and now - self._seen > self._values.lost_after:
            sentence = self._mirror.gone()
            self._call(self._mirror.person_name)
            self._reading = None
            self._acting.forget()
            if self._diary is not None:
                self._diary.close()
                self._tell_memory()
            if sentence:
                self._narration.publish(String(data=sentence))
            self._intention.publish(String(data="none"))

    def _on_name(self, message: String) -> None:
        self._call(message.data.strip())

    def _call(self, name: str) -> None:
        """Call the person by a name from now on; by none when it is empty."""
        if name != parse_name(self._values.person_name):
            result, = self.set_parameters([RosParameter("person_name", value=name)])
            if not result.successful:
                self._drop("human/name", ValueError(result.reason))

    # What is understood

    def _understand(self, stamp: float) -> None:
        self._seen = self._now()
        self._call(self._mirror.person_name)
        reading = self._reading = self._mirror.understand(stamp)
        understanding, header = reading.understanding, Header(stamp=to_time(stamp))
        self._publish_activation(stamp, f"body_{understanding.person}", reading.activation)
        intention, affect = understanding.intention, understanding.affect
        if intention is not None:
            self._intention.publish(String(data=intention.label))
            self._intentions.publish(joint_state(
                stamp, "", list(intention.distribution), list(intention.distribution.values())))
        if affect is not None:
            message = Vector3Stamped(header=header)
            message.header.frame_id = "valence_arousal_dominance"
            message.vector.x, message.vector.y = affect.valence, affect.arousal
            message.vector.z = affect.dominance
            self._affect.publish(message)
            if self._expression is not None:
                self._expression.publish(expression_message(
                    self._hri, f"body_{understanding.person}", affect))
            colour = self._metaphors.manner(affect).colour
            if colour is not None:
                self._colour.publish(ColorRGBA(
                    **dict(zip("rgb", colour)), a=float(affect.confidence)))
        if reading.sentence:
            self._narration.publish(String(data=reading.sentence))
            self.get_logger().info(reading.sentence)
        self._publish_prediction(stamp, reading)
        self._publish_goal(stamp, reading)
        self._congruence = self._mirror.congruence(reading.activation)
        responds = self._values.mode == "respond"
        response = self._acting.answer(
            understanding, self._now(), self._own,
            self._mirror.pointing(understanding.action) if responds else None)
        if response is not None:
            reason = f"{response.name}: {response.reason(self._values.language)}"
            self._response.publish(String(data=reason))
            self.get_logger().info(reason)
        if self._diary is not None:
            self._diary.update(understanding, reading.sentence)
            self._tell_memory()

    # What is taught

    def _take_up(self) -> None:
        """Take up what was taught, forgotten or renamed, by whomever."""
        before, problem = self._live.taught, self._live.problem
        units = self._live.poll()
        if self._live.problem and self._live.problem != problem:
            self.get_logger().error(f"{self._live.problem}; the last good one stays in use")
        if units is None:
            return
        self._mirror.take_up(units)
        self._acting.take_up(units.repertoire,
                             Vocabulary(units.repertoire.names, self._values.language))
        for names, what in ((set(self._live.taught) - set(before), "I know now"),
                            (set(before) - set(self._live.taught), "I have forgotten")):
            if names:
                self._teaching.tell(f"{what}: {', '.join(sorted(names))}")

    def _set_objects(self) -> None:
        values = self._values
        self._objects.listed = parse_objects(values.objects)
        self._objects.tracked = tuple(filter(None, values.object_frames))
        self._objects.person_at = parse_place(values.person_at)

    # What is remembered

    def _tell_memory(self) -> None:
        if self._diary is not None and self._diary.problem:
            self.get_logger().warning(
                f"not remembered: {self._diary.problem}", throttle_duration_sec=30.0)

    def _fade(self) -> None:
        self._diary.fade(self._now())
        self._tell_memory()

    def close(self) -> None:
        """Keep what is not yet kept, before the process ends."""
        if self._diary is not None and self._writing is not None:
            self._diary.close()
            self._writing.shutdown()

    # What is acted out

    def _copy(self, stamp: float, positions: np.ndarray, prediction: Prediction | None) -> None:
        wanted = self._acting.copy(stamp, positions, prediction)
        if wanted is not None:
            self._publish_split(wanted)

    def _act(self) -> None:
        now = self._now()
        for copy in self._acting.late(now):
            self._publish_split(copy)
        wanted = self._acting.wanted(now)
        if wanted is not None:
            self._publish_split(wanted)
        self._act_or_rest()

    def _act_or_rest(self) -> None:
        """Let the timer run only while there is something to tell at a steady rate."""
        self._tell_performance()
        if self._acting.leads or self._values.delay > 0:
            if self._act_timer.is_canceled():
                self._act_timer.reset()
        else:
            self._act_timer.cancel()

    def _tell_performance(self) -> None:
        """Tell a movement as a whole when it begins, an empty one when it is broken off."""
        now, movement = self._now(), self._acting.performance
        if movement is self._performed:
            return
        over = self._performed is None or now > self._performed_until
        self._performed = movement
        message = JointTrajectory(header=Header(stamp=to_time(now), frame_id=self._root))
        if movement is not None:
            self._performed_until = now + float(movement.times[-1]) - 0.1
            message.joint_names = list(movement.joint_names)
            for when, position, velocity in zip(
                    movement.times.tolist(), movement.positions, movement.velocities):
                seconds, part = divmod(when, 1.0)
                message.points.append(JointTrajectoryPoint(
                    positions=position.tolist(), velocities=velocity.tolist(),
                    time_from_start=Duration(sec=int(seconds), nanosec=int(part * 1e9))))
        elif over:
            return
        self._performance.publish(message)

    def _publish_split(self, wanted: Wanted) -> None:
        model = self._mirror.model
        posture = model.body | model.hands
        for publisher, part in ((self._posture, posture), (self._face, ~posture)):
            self._publish_wanted(publisher, wanted.stamp, np.where(part, wanted.positions, np.nan))

    def _on_perform(self, message: String) -> None:
        try:
            answer = self._acting.ask(message.data, self._now(), self._own)
        except ValueError as error:
            answer = str(error)
        self._performing.publish(String(data=answer))
        self.get_logger().info(answer)
        self._act_or_rest()

    def _changed(self, name: str, value: Any) -> None:
        if name in ("objects", "object_frames", "person_at"):
            self._set_objects()
        elif name == "mirror_image":
            self._mirror.reflect(value)
        elif name == "person_name":
            self._mirror.person_name = parse_name(value)
        if not hasattr(self._acting, name):
            return
        setattr(self._acting, name, value)
        self._act_or_rest()

    def _publish_wanted(self, publisher: Any, stamp: float, positions: np.ndarray) -> None:
        message = joint_state(stamp, self._root, self._names, positions)
        if message.name:  # what nothing is known of is not said
            publisher.publish(message)

    def _publish_activation(self, stamp: float, frame: str, activation: Activation) -> None:
        """Publish name = unit, position = probability, velocity = phase rate, effort = phase."""
        channels = [channel for channel in CHANNELS if channel in activation.unknown]
        message = joint_state(
            stamp, frame, [*activation.names, *(f"unknown_{channel}" for channel in channels)],
            [*activation.probability, *(activation.unknown[channel] for channel in channels)],
            [*activation.rate, *(0.0 for _ in channels)])
        message.effort = [*activation.phase.tolist(), *(0.0 for _ in channels)]
        self._activation.publish(message)
        parted = self._activation_of["self" if frame == "self" else "person"]
        if parted.get_subscription_count():
            parted.publish(message)

    def _publish_prediction(self, stamp: float, reading: Reading) -> None:
        prediction = reading.prediction
        if not prediction.unit:
            return
        known = np.flatnonzero(np.isfinite(prediction.mean).all(axis=0))
        message = JointTrajectory(
            header=Header(stamp=to_time(stamp), frame_id=prediction.unit),
            joint_names=[prediction.joint_names[column] for column in known])
        for when, mean in zip(prediction.times.tolist(), prediction.mean[:, known]):
            seconds, part = divmod(when, 1.0)
            message.points.append(JointTrajectoryPoint(
                positions=mean.tolist(),
                time_from_start=Duration(sec=int(seconds), nanosec=int(part * 1e9))))
        self._prediction.publish(message)

    def _publish_goal(self, stamp: float, reading: Reading) -> None:
        """Tell where a hand is heading: the object that it reaches for, else as is predicted."""
        goal, reach = self._mirror.goal(reading.prediction), reading.reach
        if reach is not None:
            chances = {name: chance for name, chance in reach.distribution.items()
                       if name != NO_OBJECT}
            names = [*chances, NO_OBJECT]
            self._goals.publish(joint_state(
                stamp, f"{reach.hand}_hand" if reach.hand else "", names,
                [reach.distribution[name] for name in names]))
            goal = self._object_places.get(reading.understanding.target, goal)
        if goal is not None and np.isfinite(goal).all():
            point = PointStamped(header=Header(stamp=to_time(stamp), frame_id=self._root))
            point.point.x, point.point.y, point.point.z = map(float, goal)
            self._goal.publish(point)

    # What is done

    def _feel_self(self) -> None:
        stamp = None
        for message in messages(self._states):
            try:
                named = named_values(message)
            except ValueError as error:
                self._drop("joint_states", error)
                continue
            # A robot may tell its joints in several messages.
            told = self._mirror.model.positions(named)
            self._own = np.where(np.isfinite(told), told, self._own)
            stamp = to_seconds(message.header.stamp) or self._now()
        if stamp is not None and np.isfinite(self._own).any():
            self._rates["self"].tick()
            self._publish_activation(stamp, "self", self._mirror.feel_self(stamp, self._own))

    # What is told of the node itself

    def _report(self) -> tuple[bytes, str, Mapping[str, Any]]:
        p50, p95 = self._latency()
        cost50, cost95 = self._cost()
        values: dict[str, Any] = {
            **{f"{name} rate [Hz]": rate() for name, rate in self._rates.items()},
            "latency p50 [s]": p50, "latency p95 [s]": p95,
            "cost p50 [s]": cost50, "cost p95 [s]": cost95,
            "congruence": self._congruence,
            "taught": ", ".join(self._live.taught) or "nothing",
            "lesson": "taking up" if self._live.busy else self._teaching.state,
            "not expressible": ", ".join(self._missing) or "nothing",
            **{f"residual {limb} [rad]": float(angle) for limb, angle in self._residual.items()},
        }
        if self._objects.tracked:
            values["objects not found"] = ", ".join(self._objects.lost) or "none"
        if self._live.problem:
            return WARN, f"{self._live.problem}; the last good one is in use", values
        if self._diary is not None:
            values |= {"memory": str(self._diary.path), "episodes lost": self._diary.lost}
            if self._diary.problem:
                return WARN, f"not remembered: {self._diary.problem}", values
        if self._reading is None:
            return STALE, "nobody is seen", values
        understanding = self._reading.understanding
        person = understanding.name or understanding.person
        values |= {"person": person, "action": understanding.action or "none"}
        far = [limb for limb, angle in self._residual.items() if angle > 0.5]
        if far:
            return WARN, f"the robot cannot follow: {', '.join(far)}", values
        return OK, f"re-lives person {person}", values


def main() -> int:
    """Run the node; the entry point of ``ros2 run mirror_robot mirror_node``."""
    return run(MirrorNode)


if __name__ == "__main__":
    sys.exit(main())
