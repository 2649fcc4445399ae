# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Lessons while a node runs: begun by a topic, ended by services, told of in sentences."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rclpy.node import Node
from rclpy.qos import QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from mirror_robot.body.model import RobotModel
from mirror_robot.human.posture import HumanPosture
from mirror_robot.mirror.affect import Affect
from mirror_robot.mirror.beside import Beside
from mirror_robot.mirror.lesson import OVER, Learnt, Lesson, learn_and_keep
from mirror_robot.mirror.memory import importance
from mirror_robot.motor.primitive import MotorPrimitive

_QOS = QoSProfile(depth=10)
_PERIOD = 0.1  # of a lesson's clock [s]


class Teaching:
    """Holds the lesson of a node.

    Subscribes ``teach`` (a name begins a lesson), publishes ``mirror/teaching`` (sentences), and
    offers ``~/end_lesson`` and ``~/cancel_lesson``.

    Parameters
    ----------
    node : Node
    model : RobotModel
    path : Path
        Where taught movements are kept.
    known : callable
        Returns the units that the robot knows now.
    repetitions, countdown : callable
        Return how often a movement is to be shown, and from which number is counted down.
    """

    def __init__(
        self, node: Node, model: RobotModel, path: Path,
        known: Callable[[], Sequence[MotorPrimitive]], repetitions: Callable[[], int],
        countdown: Callable[[], int],
    ) -> None:
        self._node, self._model, self._path, self._known = node, model, path, known
        self._repetitions, self._countdown = repetitions, countdown
        self._lesson: Lesson | None = None
        self._learning: Beside[Learnt] | None = None
        self._told = node.create_publisher(String, "mirror/teaching", _QOS)
        node.create_subscription(String, "teach", self._on_teach, _QOS)
        node.create_service(Trigger, "~/end_lesson", self._end)
        node.create_service(Trigger, "~/cancel_lesson", self._cancel)
        self._timer = node.create_timer(_PERIOD, self._tick)
        self._timer.cancel()

    @property
    def state(self) -> str:
        """What goes on, for diagnostics."""
        if self._learning is not None:
            return "learning"
        return "none" if self._lesson is None else f"{self._lesson.name}: {self._lesson.state}"

    def see(self, posture: HumanPosture | None, affect: Affect | None = None) -> None:
        """Take in the posture of the person, and what is felt with them."""
        if self._lesson is not None and posture is not None:
            # Who was asked for a movement surprises nobody by making it.
            self._lesson.see(posture, 0.0 if affect is None else importance(
                affect.valence, affect.arousal, 0.0))

    def tell(self, sentence: str) -> None:
        """Say something of teaching."""
        self._told.publish(String(data=sentence))
        self._node.get_logger().info(sentence)

    def _on_teach(self, message: String) -> None:
        name = message.data.strip()
        if self._lesson is not None or self._learning is not None:
            self.tell(f"{name or 'a lesson'} must wait: there is a lesson already "
                      f"({self.state}); end or cancel it first")
            return
        try:
            self._lesson = Lesson(name, repetitions=self._repetitions(),
                                  countdown=self._countdown())
        except ValueError as error:
            self.tell(str(error))
            return
        self._timer.reset()
        self._tick()

    def _tick(self) -> None:
        if self._learning is not None:
            self._finish()
        elif self._lesson is not None:
            for sentence in self._lesson.update(time.monotonic()):
                self.tell(sentence)
            if self._lesson.state == OVER:
                self._learn()
        else:
            self._timer.cancel()

    def _learn(self) -> None:
        lesson, self._lesson = self._lesson, None
        if not lesson.shown:
            self.tell(f"{lesson.name} was not learnt: no movement was seen; move from rest to "
                      "rest, with the arms in sight")
            return
        self.tell(f"thank you; I learn {lesson.name}")
        self._learning = Beside(self._model, learn_and_keep, self._path, lesson.name,
                                lesson.shown, self._model, tuple(self._known()))

    def _finish(self) -> None:
        if not self._learning.done:
            return
        learning, self._learning = self._learning, None
        try:
            for sentence in learning.result().sentences():
                self.tell(sentence)
        except (ValueError, OSError) as error:
            self.tell(f"not learnt: {error}")

    def _end(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._answer(response, "end")

    def _cancel(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._answer(response, "cancel")

    def _answer(self, response: Trigger.Response, how: str) -> Trigger.Response:
        if self._lesson is None:
            response.success = False
            response.message = "the lesson is over; what was shown is being learnt" if (
                self._learning is not None) else "there is no lesson"
            return response
        said = self._lesson.end() if how == "end" else self._lesson.cancel()
        for sentence in said:
            self.tell(sentence)
        if how == "cancel":
            self._lesson = None
        response.success, response.message = True, "; ".join(said)
        return response
