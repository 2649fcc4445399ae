# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The mirror: what is seen is re-lived in the robot's own body and understood from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mirror_robot.body.face import face_positions
from mirror_robot.body.model import RobotModel
from mirror_robot.body.retargeting import Retargeter, RobotPosture
from mirror_robot.human.face import MOUTH_HIDDEN, NeutralFace, action_units
from mirror_robot.human.observation import BodyObservation, FaceObservation
from mirror_robot.human.posture import LIMBS, HumanPosture, posture_from_landmarks
from mirror_robot.mirror.affect import (
    Affect,
    BodySense,
    ExplainedByActions,
    FeltAffect,
    mixed,
)
from mirror_robot.mirror.features import MotorFeatures
from mirror_robot.mirror.goals import NONE as NO_OBJECT
from mirror_robot.mirror.goals import GoalReader, Reach, hand_positions
from mirror_robot.mirror.intention import IntentionReader, load_intentions
from mirror_robot.mirror.metaphor import Metaphors, load_metaphors
from mirror_robot.mirror.narration import Narrator, Understanding
from mirror_robot.mirror.recognition import Activation, Prediction, Recognizer
from mirror_robot.motor.repertoire import Repertoire

CHANNELS = ("body", "head", "face")

_FRESH = 0.3
"""Age [s] up to which what was last seen of body, head or face still counts as seen."""

_BACKWARDS = 0.5
"""A stamp further back than this [s] is a clock that jumped or a bag that loops."""

_FACING = 0.6
"""A head turned no further than this from the camera [rad] faces the robot."""

_READABLE = 0.45
"""A head turned further than this [rad] is no source for the person's neutral face."""

_OWN_CORRELATION = 0.25
"""Frames of the robot's own joints tell so much sooner than those of people; with 1, a wave was
taken for a raised hand and pointing for an offer in a third of the runs."""

_TOGETHER = 0.6
"""Person and robot count as doing the same when they do so within about this time [s]: the robot
follows late, and knows its own movement early."""

_NAMED = 0.5
"""Probability from which a unit counts as the action that is seen, an object as reached for."""

_HEADS = 0.05
"""A hand of a movement without a side that goes less far heads nowhere [m]."""

_STAND, _FAR = 1.2, 2.4
"""How far away people stand, and how far from them lies what they point at [m]."""

_PICTURE_EVERY = 0.2
"""What changes over seconds is not looked at in every frame [s]."""

_PICTURE_TIME = 1.5
"""Time constant over which a body becomes a picture [s]: a glance down is no heavy heart."""


@dataclass(frozen=True)
class Reading:
    """What is understood of a person at one instant.

    Attributes
    ----------
    understanding : Understanding
    activation : Activation
        How the robot's units fire for what is seen.
    prediction : Prediction
        How the movement will probably go on.
    sentence : str or None
        What is worth saying now.
    reach : Reach or None
        What a hand reaches for; None while no objects are known.
    """

    understanding: Understanding
    activation: Activation
    prediction: Prediction
    sentence: str | None
    reach: Reach | None = None


@dataclass(frozen=True)
class MirrorUnits:
    """A repertoire made ready to be recognised; takes a while to make, and no time to take up.

    Attributes
    ----------
    repertoire : Repertoire
    other, own : Recognizer
        For what is seen and for what the robot does.
    explained : ExplainedByActions
    """

    repertoire: Repertoire
    other: Recognizer
    own: Recognizer
    explained: ExplainedByActions

    @classmethod
    def of(cls, repertoire: Repertoire) -> MirrorUnits:
        """Return the units of a repertoire."""
        features = MotorFeatures(repertoire.model)
        other = Recognizer(repertoire.units, features)
        # People make many movements that are no action of the robot's, and cameras err for many
        # frames on end. The robot makes its own movements, and its encoders do not stray.
        own = Recognizer(repertoire.units, features, strange=0.0, correlation=_OWN_CORRELATION)
        return cls(repertoire, other, own, ExplainedByActions(repertoire.model, repertoire.units))


class MirrorSystem:
    """Re-lives one person in one robot's body, beside what the robot does itself.

    The same units, through the same computation, fire for what is seen (`understand`) and for what
    the robot does (`feel_self`).

    Parameters
    ----------
    units : Repertoire or MirrorUnits
        Bound to the robot.
    mirror_image : bool
        True: the person's right drives the robot's left.
    intentions : path, optional
        Table of intentions; by default that of the package.
    metaphors : Metaphors, optional
        By default those of the package.
    language : str
        Of the sentences.
    own_share : float
        0..1: weight of the robot's own state in what it feels.
    amplitude : float
        0..2: how far the robot goes where the person goes 1. What is understood is the movement
        at its full size all the same.

    Attributes
    ----------
    person_name : str
        What the person is called, or who comes next while there is nobody; forgotten when the
        person has gone.
    """

    def __init__(
        self, units: Repertoire | MirrorUnits, *, mirror_image: bool = True,
        intentions: str | Path | None = None, metaphors: Metaphors | None = None,
        language: str = "en", own_share: float = 0.2, amplitude: float = 1.0,
    ) -> None:
        if isinstance(units, Repertoire):
            units = MirrorUnits.of(units)
        self._units = units
        self.model: RobotModel = units.repertoire.model
        self.mirror_image = mirror_image
        self._own_share = own_share
        self._retargeter = Retargeter(self.model, mirror_image=mirror_image)
        self._scaled = None if amplitude == 1.0 else Retargeter(
            self.model, mirror_image=mirror_image, amplitude=amplitude)
        self._goals = GoalReader()
        self._objects: tuple[str, ...] = ()
        self._places = np.zeros((0, 3))
        self._neutral = NeutralFace()
        self._sense, self._felt = BodySense(self.model), FeltAffect(self.model.profile.face)
        self._own_sense, self._own_felt = (
            BodySense(self.model), FeltAffect(self.model.profile.face))
        self._metaphors = metaphors or load_metaphors()
        self._intentions = IntentionReader(load_intentions(intentions))
        self._narrator = Narrator(language, mirror_image=mirror_image)
        self._narrator.meanings = _meanings(units.repertoire)
        self.person_name = ""
        self._own_affect: Affect | None = None
        self._own_activation: Activation | None = None
        self._other_trace, self._own_trace = _Trace(), _Trace()
        self.forget()

    def forget(self) -> None:
        """Forget the person; the robot's own state stays."""
        unknown = np.full(len(self.model.joint_names), np.nan)
        self._person, self._face_id = "", ""
        self._posture: HumanPosture | None = None
        self._body, self._body_stamp = unknown, -np.inf
        self._face, self._face_stamp = unknown, -np.inf
        self._head: np.ndarray | None = None
        self._head_stamp, self._heading = -np.inf, 0.0
        self._mouth_hidden = False
        self._understood = -np.inf
        self._retargeter.reset()
        if self._scaled is not None:
            self._scaled.reset()
        self._units.other.reset()
        self._goals.reset()
        self._reach: Reach | None = None
        self._neutral.reset()
        self._sense.reset()
        self._felt.reset()
        self._pictured: dict[str, float] = {}
        self._pictured_stamp = -np.inf
        self._intentions.reset()

    def take_up(self, units: MirrorUnits) -> None:
        """Use these units from the next frame on; those that stay go on where they are."""
        units.other.take_over(self._units.other)
        units.own.take_over(self._units.own)
        self._units, self._own_activation = units, None
        self._other_trace, self._own_trace = _Trace(), _Trace()
        self._narrator.meanings = _meanings(units.repertoire)

    @property
    def units(self) -> MirrorUnits:
        """What is in use."""
        return self._units

    @property
    def posture(self) -> HumanPosture | None:
        """The posture of the person as it was seen last."""
        return self._posture

    @property
    def person(self) -> str:
        """Identity of the person who is re-lived; empty for nobody."""
        return self._person

    # What is seen

    def see_body(self, body: BodyObservation) -> RobotPosture:
        """Take in a body, and return the posture in which the robot re-lives it."""
        if body.id != self._person and self._person != self._face_id:
            self._lose_name()
            self.forget()
        self._person = body.id
        posture = posture_from_landmarks(body)
        if self._head is not None and 0 <= body.stamp - self._head_stamp <= _FRESH:
            sin, cos = np.sin(self._heading), np.cos(self._heading)
            into_body = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
            posture = posture.with_head(into_body @ self._head)
        self._posture = posture
        result = self._retargeter.retarget(posture)
        self._body, self._body_stamp = result.positions, body.stamp
        self._reach = self._goals.update(
            body.stamp, hand_positions(body), self._objects, self._places
        ) if self._objects else None
        return result if self._scaled is None else self._scaled.retarget(posture)

    def see_objects(self, names: Sequence[str], places: np.ndarray) -> None:
        """Take in where objects are that may be reached for.

        Parameters
        ----------
        names : sequence of k str
        places : ndarray (k, 3)
            [m] in the person's body frame, as the landmarks of `see_body`; NaN where unknown.
        """
        if len(names) != len(places):
            raise ValueError(f"{len(names)} objects with {len(places)} places")
        self._objects, self._places = tuple(names), np.asarray(places, float).reshape(-1, 3)

    def see_heading(self, heading: float) -> None:
        """Take in where the body faces [rad]: 0 at the camera, positive to the person's left."""
        self._heading = heading

    def see_head(self, stamp: float, rotation: np.ndarray) -> None:
        """Take in the head's rotation (3, 3) as in `FaceObservation.head`."""
        self._head, self._head_stamp = rotation, stamp

    def see_face(self, face: FaceObservation) -> np.ndarray:
        """Take in a face, and return the positions (n,) in which the robot's face re-lives it.

        NaN outside the face, and for parts of it of which nothing is known: while a hand covers
        the mouth the face tracker invents one.
        """
        if face.id != self._face_id:
            self._neutral.reset()
            if not self._person or self._person == self._face_id:
                self._lose_name()
                self._person = face.id
            self._face_id = face.id
        self._mouth_hidden = face.coefficients.get(MOUTH_HIDDEN, 0.0) > 0.5
        self._neutral.update(face.stamp, face.coefficients, self._turned(face.stamp) < _READABLE)
        units = action_units(face.coefficients, self._neutral)
        self._face = face_positions(self.model, units, self.mirror_image)
        self._face_stamp = face.stamp
        return self._face

    def understand(self, stamp: float) -> Reading:
        """Return what is understood of the person at `stamp` [s].

        Body and face come each at its own pace; what is a little older than the last thing
        understood still counts, but time does not go backwards for it.
        """
        if 0 < self._understood - stamp < _BACKWARDS:
            stamp = self._understood
        self._understood = stamp
        positions = np.full(len(self.model.joint_names), np.nan)
        seen = []
        for part, when in ((self._body, self._body_stamp), (self._face, self._face_stamp)):
            if -_FRESH <= stamp - when <= _FRESH:
                positions = np.where(np.isfinite(part), part, positions)
                seen.append(when)
        activation = self._units.other.update(stamp, positions)
        # A mouth that is hidden leaves brows and lids, which tell little: what was felt before is
        # held and fades slowly, it does not turn into calm behind a hand.
        reliability = 0.0 if not seen else 0.2 if self._mouth_hidden else 1.0
        explained = self._units.explained.explained(activation.probability)
        affect = self._sense.feel(self._felt, stamp, positions, reliability, explained)
        if self._own_affect is not None:
            affect = mixed(affect, self._own_affect, self._own_share)
        channels = _by_channel(activation, self._seen_channels(positions))
        reach = self._reach if stamp - self._body_stamp <= _FRESH else None
        if reach is not None:
            elsewhere = reach.distribution[NO_OBJECT]
            channels["goal"] = {"reach": 1.0 - elsewhere, "no_reach": elsewhere}
        facing = self._turned(stamp) < _FACING if seen else None
        intention = self._intentions.update(stamp, channels, facing, affect)
        action, probability = _action(channels, self._intentions.table.background)
        understanding = Understanding(
            stamp, self._person, action, probability, intention, affect,
            self._picture(stamp, affect, explained),
            *_target(reach), self.person_name)
        sentence = self._narrator.update(understanding) if self._person and seen else None
        # Where nothing else moves the head may.
        channel = "body" if action in channels.get("body", ()) or not action else "head"
        prediction = self._units.other.predict(channel=channel)
        return Reading(understanding, activation, prediction, sentence, reach)

    def _picture(self, stamp: float, affect: Affect, explained: Mapping[str, float]) -> str:
        """Return the pole of the metaphor that the body has been a picture of for a while."""
        if 0.0 <= stamp - self._pictured_stamp < _PICTURE_EVERY:
            return self._metaphors.picture(self._pictured, affect) if self._pictured else ""
        places = self._metaphors.read(self._sense.expression, explained)
        share = 1.0 - float(np.exp(-max(stamp - self._pictured_stamp, 0.0) / _PICTURE_TIME))
        self._pictured_stamp = stamp
        before = self._pictured
        self._pictured = {
            name: before.get(name, 0.0) + share * (place - before.get(name, 0.0))
            for name, place in places.items()}
        return self._metaphors.picture(self._pictured, affect)

    def predict_face(self) -> Prediction:
        """Return how the face will probably go on."""
        return self._units.other.predict(channel="face")

    def reflect(self, mirror_image: bool) -> None:
        """Move like a reflection from now on, or like a twin; the person is seen anew."""
        self.mirror_image = self._narrator.mirror_image = mirror_image
        for retargeter in filter(None, (self._retargeter, self._scaled)):
            retargeter.mirror_image = mirror_image
        self.forget()

    def pointing(self, action: str) -> tuple[float, float] | None:
        """Return how far the robot has to turn and pitch its head to see what is pointed at [rad].

        The person is taken to stand a step and a half away and to face the robot, and what they
        mean to lie three steps along the forearm.

        Parameters
        ----------
        action : str
            The unit that fires, whose side says which arm points.
        """
        if self._posture is None:
            return None
        side = action.rsplit("_", 1)[-1]
        if self.mirror_image:
            side = {"left": "right", "right": "left"}.get(side, side)
        if side not in ("left", "right"):
            return None
        x, y, z = self._posture.limbs[LIMBS.index(f"{side}_forearm")]
        if not np.isfinite(x):
            return None
        # Who faces the robot has the other front and the other left; a body that is turned to its
        # left by `heading` points further to its left.
        c, s = np.cos(self._heading), np.sin(self._heading)
        x, y = c * x - s * y, s * x + c * y
        there = np.array([_STAND - _FAR * x, -_FAR * y, _FAR * z])
        if there[0] < 0.3 * _STAND:  # beside or behind the robot: as far as a glance goes
            there[0] = 0.3 * _STAND
        turn = np.arctan2(there[1], there[0])
        pitch = -np.arctan2(there[2], np.hypot(there[0], there[1]))
        return float(np.clip(turn, -1.2, 1.2)), float(np.clip(pitch, -0.6, 0.6))

    def gone(self) -> str | None:
        """Forget the person, who is no longer there; return what is worth saying of it."""
        sentence = self._narrator.gone(self._person) if self._person else None
        self._lose_name()
        self.forget()
        return sentence

    def _lose_name(self) -> None:
        # A name that is given before somebody comes is for who comes.
        if self._person:
            self.person_name = ""

    def _turned(self, stamp: float) -> float:
        """Return how far the face is turned away from the camera [rad]."""
        if self._head is not None and abs(stamp - self._head_stamp) <= _FRESH:
            return float(np.arccos(np.clip(self._head[0, 0], -1.0, 1.0)))
        return abs(self._heading)

    def _seen_channels(self, positions: np.ndarray) -> set[str]:
        """Return the channels of which anything is known."""
        known = np.isfinite(positions)
        head = self.model.columns("head")
        body = self.model.body.copy()
        body[head] = False
        masks = {"body": known[body], "head": known[head], "face": known[~self.model.body]}
        return {channel for channel, mask in masks.items() if mask.any()}

    # What is done

    def feel_self(self, stamp: float, positions: np.ndarray) -> Activation:
        """Take in the robot's own joint positions (n,), and return how its units fire for them."""
        self._own_activation = self._units.own.update(stamp, positions)
        self._own_trace.add(self._own_activation)
        affect = self._own_sense.feel(self._own_felt, stamp, positions)
        self._own_affect = replace(affect, stamp=stamp)
        return self._own_activation

    def congruence(self, activation: Activation) -> float:
        """Return how alike the units fire for the person and for the robot itself, 0..1.

        The cosine between the probabilities of all actions, each averaged over the last moments;
        NaN while neither does anything.
        """
        if self._own_activation is None:
            return float("nan")
        self._other_trace.add(activation)
        acts = ~activation.background
        other, own = self._other_trace.mean[acts], self._own_trace.mean[acts]
        size = float(np.linalg.norm(other) * np.linalg.norm(own))
        moving = max(other.max(initial=0.0), own.max(initial=0.0)) >= 0.2
        return float(other @ own) / size if moving and size > 0 else float("nan")

    def goal(self, prediction: Prediction) -> np.ndarray | None:
        """Return where the hand that moves is heading (3,) [m] in the root frame, if one is.

        Of the unit's own side; of a unit that has none, the hand that goes farther.
        """
        side = prediction.unit.rsplit("_", 1)[-1]
        chains = self.model.profile.chains
        arms = [arm for arm in (f"{side}_arm",) if arm in chains] or [
            arm for arm in ("left_arm", "right_arm") if arm in chains]
        if not arms or not prediction.unit:
            return None
        known = np.where(np.isfinite(prediction.mean), prediction.mean, self.model.rest)
        first, last = self.model.points(known[0]), self.model.points(known[-1])
        wrists = [chains[arm].links["wrist"] for arm in arms]
        ways = [float(np.linalg.norm(last[wrist] - first[wrist])) for wrist in wrists]
        farther = int(np.argmax(ways))
        if len(arms) > 1 and ways[farther] < _HEADS:
            return None
        # The root link's axes may not be the body frame's.
        return self.model.base.T @ last[wrists[farther]]


class _Trace:
    """How units fired lately."""

    def __init__(self) -> None:
        self._stamp: float | None = None
        self.mean = np.zeros(0)

    def add(self, activation: Activation) -> None:
        """Take in how they fire now."""
        elapsed = None if self._stamp is None else activation.stamp - self._stamp
        self._stamp = activation.stamp
        if elapsed is None or not 0.0 <= elapsed <= 3.0 * _TOGETHER:
            self.mean = activation.probability
        else:
            share = 1.0 - np.exp(-elapsed / _TOGETHER)
            self.mean = self.mean + share * (activation.probability - self.mean)


def _target(reach: Reach | None) -> tuple[str, float]:
    """Return the object that is reached for and its probability."""
    target = reach.target(_NAMED) if reach is not None else ""
    return target, reach.distribution[target] if target else 0.0


def _meanings(repertoire: Repertoire) -> Mapping[str, str]:
    """Return what the units do, of those of which more is known than the name."""
    return {unit.name: unit.meaning for unit in repertoire
            if unit.meaning and unit.meaning != unit.name.replace("_", " ")}


def _by_channel(activation: Activation, seen: set[str]) -> dict[str, dict[str, float]]:
    """Return the activation as channel -> unit -> probability, for the channels that are seen."""
    channels: dict[str, dict[str, float]] = {}
    for name, channel, probability in zip(
            activation.names, activation.channels, activation.probability.tolist()):
        if channel in seen:
            channels.setdefault(channel, {})[name] = probability
    return channels


def _action(
    channels: Mapping[str, Mapping[str, float]], background: frozenset[str],
) -> tuple[str, float]:
    """Return the action that is seen, of body before head before face, and its probability."""
    for channel in CHANNELS:
        units = {name: probability for name, probability in channels.get(channel, {}).items()
                 if name not in background}
        if units:
            best = max(units, key=lambda name: units[name])
            if units[best] >= _NAMED:
                return best, units[best]
    return "", 0.0
