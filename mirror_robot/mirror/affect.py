# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Feeling what is seen: valence, arousal and dominance read from the robot's own face and posture.

The person's expression is first put on the robot's own face (`body.face.face_positions`) and body
(`body.retargeting`), moved or only simulated; what follows looks at nothing but the robot. Each
emotion is a small generative model of it: its action units, driven through the *same* mapping
from action units to this robot's joints, say where those joints would be if the robot felt that
way. Which of them explain the joints as they are, and at what intensity, is the felt state. So

- a robot with other face joints feels through those; one without a face through its posture;
- "mouth corners up" is no happiness by itself: with the lids shut and the lips pressed over the
  teeth it is explained better by weeping;
- the same table shows an emotion on the robot's face (`expression`).

Facial and postural feedback: Laird and Lacasse 2014, "Bodily influences on emotional feelings",
Emotion Review 6(1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from mirror_robot.body.face import face_drive
from mirror_robot.body.model import RobotModel
from mirror_robot.mirror.effort import EffortSense
from mirror_robot.motor.primitive import MotorPrimitive
from mirror_robot.tables import choices


@dataclass(frozen=True)
class Affect:
    """A felt state.

    Attributes
    ----------
    stamp : float
        Acquisition time of what it was read from [s].
    valence, arousal, dominance : float
        -1..1: unpleasant to pleasant, drowsy to excited, giving way to in control.
    confidence : float
        0..1: how much of the body was known, how reliably, and how clearly it speaks.
    emotions : mapping str -> float
        Probability of each emotion of `EMOTIONS`; sums to 1, empty where they were not read.
    """

    stamp: float
    valence: float
    arousal: float
    dominance: float
    confidence: float
    emotions: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class BodyExpression:
    """What the posture and the movement of a body express; NaN where unknown.

    Attributes
    ----------
    head_pitch : float
        [rad], + looks down.
    torso_pitch : float
        [rad], + bends forward.
    openness : float
        -1..1: arms across the body to arms spread wide; hanging arms are near 0.
    raised : float
        -1..1: hands hanging to hands overhead.
    speed : float
        0..1: root mean square of the joint velocities over their limits.
    strong, sudden, direct, bound : float
        0..1: Laban's effort factors (`mirror.effort.Effort`); NaN while still.
    """

    head_pitch: float = np.nan
    torso_pitch: float = np.nan
    openness: float = np.nan
    raised: float = np.nan
    speed: float = np.nan
    strong: float = np.nan
    sudden: float = np.nan
    direct: float = np.nan
    bound: float = np.nan


@dataclass(frozen=True)
class _Emotion:
    """Pleasure, arousal and dominance at full intensity, and how the emotion looks.

    `faces` are alternatives; `body` holds only what the emotion does to the body; `prior` is how
    often it is met, in multiples of the rare ones.
    """

    pleasure: float
    arousal: float
    dominance: float
    faces: Sequence[Mapping[str, float]]
    body: Mapping[str, float] = field(default_factory=dict)
    prior: float = 1.0


# Pleasure, arousal, dominance: Russell and Mehrabian 1977, "Evidence for a three-factor theory of
# emotions", J. Res. Personality 11; a surprised face is rated near zero pleasure, not .40, and
# weeping is their "distressed". Action units: Ekman and Friesen's emotional prototypes (EMFACS),
# at the mean intensities that `human.face.action_units` gives for posed expressions. Body:
# Wallbott 1998, "Bodily expression of emotion", Eur. J. Social Psychology 28.
_EMOTIONS: Mapping[str, _Emotion] = MappingProxyType({
    "neutral": _Emotion(0.0, 0.0, 0.0, (
        {},
        {"AU25": 0.5, "AU26": 0.15},                       # talking
        {"AU25": 0.9, "AU26": 0.4},
        {"AU24": 0.4},                                     # lips closed firmly
        {"AU43": 0.9},                                     # a blink, eyes at rest
        {"AU1": 0.4, "AU2": 0.4},                          # brows that underline what is said
    ), prior=4.0),
    "joy": _Emotion(0.76, 0.48, 0.35, (
        {"AU6": 0.5, "AU12": 0.9, "AU10": 0.8, "AU25": 0.9, "AU26": 0.1},     # toothy smile
        {"AU6": 0.4, "AU12": 0.9, "AU10": 0.9, "AU25": 1.0, "AU26": 0.5},     # laughter
        {"AU6": 0.6, "AU12": 0.9, "AU10": 0.9, "AU25": 1.0, "AU43": 0.8},     # eyes closed
        {"AU6": 0.3, "AU12": 0.7},                                            # closed-lip smile
    ), {"head_pitch": -0.15, "torso_pitch": -0.05, "openness": 0.4, "raised": 0.3, "speed": 0.35,
                               "strong": 0.6}, prior=2.0),
    "weeping": _Emotion(-0.61, 0.28, -0.36, (
        {"AU1": 0.5, "AU4": 0.2, "AU43": 0.95, "AU6": 0.5, "AU12": 0.75, "AU24": 0.2},
        {"AU1": 0.5, "AU43": 0.95, "AU6": 0.4, "AU12": 0.4, "AU25": 0.1},
        {"AU1": 0.6, "AU4": 0.3, "AU43": 0.9, "AU15": 0.5, "AU17": 0.5},
        {"AU1": 0.6, "AU4": 0.4, "AU43": 0.9, "AU20": 0.6, "AU25": 0.6, "AU26": 0.2},
        {"AU4": 0.5, "AU7": 0.6, "AU43": 0.9, "AU24": 0.3, "AU17": 0.4},
    ), {"head_pitch": 0.45, "torso_pitch": 0.2, "openness": -0.3, "speed": 0.1, "strong": 0.15}),
    "sadness": _Emotion(-0.63, -0.27, -0.33, (
        {"AU1": 0.5, "AU4": 0.2, "AU15": 0.4, "AU17": 0.5},
        {"AU1": 0.6, "AU4": 0.2, "AU43": 0.5},
        {"AU1": 0.6, "AU43": 0.6, "AU12": 0.4},
        {"AU15": 0.7, "AU17": 0.5},
    ), {"head_pitch": 0.40, "torso_pitch": 0.2, "openness": -0.15, "raised": -0.9, "speed": 0.0,
          "strong": 0.1}),
    "anger": _Emotion(-0.51, 0.59, 0.25, (
        {"AU4": 0.7, "AU7": 0.3, "AU23": 0.4, "AU24": 0.3},
        {"AU4": 0.9, "AU5": 0.4, "AU7": 0.4},
        {"AU4": 0.8, "AU7": 0.4, "AU10": 0.3, "AU25": 0.7, "AU26": 0.2},
    ), {"head_pitch": 0.05, "torso_pitch": 0.15, "raised": 0.1, "speed": 0.7, "strong": 0.8}),
    "fear": _Emotion(-0.64, 0.60, -0.43, (
        {"AU1": 0.6, "AU2": 0.2, "AU5": 0.3, "AU20": 0.7, "AU25": 0.8, "AU10": 0.3, "AU12": 0.25},
        {"AU1": 0.7, "AU4": 0.2, "AU5": 0.3, "AU20": 0.6, "AU25": 0.6},
        {"AU1": 0.4, "AU20": 0.7, "AU25": 0.8, "AU10": 0.5, "AU12": 0.4},     # bared teeth
    ), {"head_pitch": -0.05, "torso_pitch": -0.15, "openness": -0.5, "raised": 0.2, "speed": 0.4,
          "strong": 0.5}),
    "disgust": _Emotion(-0.60, 0.35, 0.11, (
        {"AU4": 0.6, "AU7": 0.4, "AU9": 0.5, "AU10": 0.1, "AU25": 0.1},
        {"AU4": 0.5, "AU7": 0.6, "AU9": 0.6, "AU43": 0.3, "AU15": 0.2},
    ), {"head_pitch": -0.05, "torso_pitch": -0.15, "openness": -0.2, "speed": 0.15,
          "strong": 0.3}),
    "surprise": _Emotion(0.10, 0.67, -0.13, (
        {"AU1": 0.6, "AU2": 0.8, "AU5": 0.7, "AU25": 1.0, "AU26": 0.8},
        {"AU1": 0.5, "AU2": 0.5, "AU5": 0.4, "AU25": 1.0, "AU26": 0.9},
        {"AU1": 0.7, "AU2": 0.9, "AU5": 0.8},
    ), {"head_pitch": -0.15, "torso_pitch": -0.1, "raised": 0.2, "speed": 0.3, "strong": 0.5}),
})

EMOTIONS: tuple[str, ...] = tuple(_EMOTIONS)
"""The emotions whose probability `Affect.emotions` holds."""

# Spread of one channel around what an emotion predicts: people differ, the mapping is coarse.
_FACE_SPREAD = 0.25
_BODY_SPREAD = MappingProxyType({
    "head_pitch": 0.25, "torso_pitch": 0.25, "openness": 0.5, "raised": 0.7, "speed": 0.35,
    "strong": 0.2})
_BODY_REST = MappingProxyType({
    "head_pitch": 0.0, "torso_pitch": 0.0, "openness": 0.0, "raised": -0.8, "speed": 0.05,
    "strong": 0.3})
# A posture says less than a face about what somebody feels: it also serves what they are doing. It
# is listened to the more, the less is known of the face.
_BODY_WEIGHT, _BODY_WEIGHT_ALONE = 0.4, 3.0
# How long a face joint that is no longer known counts as it last was [s].
_HOLD_TIME = 2.0
_INTENSITIES = np.array([0.15, 0.4, 0.6, 0.8, 1.0])


def expression(emotion: str, intensity: float = 1.0) -> dict[str, float]:
    """Return the action units 0..1 that show `emotion` most typically.

    Raises
    ------
    ValueError
        If there is no such emotion; the message lists those that exist.
    """
    if emotion not in _EMOTIONS:
        raise ValueError(f"no emotion {emotion!r}; valid: {', '.join(EMOTIONS)}")
    return {unit: value * float(np.clip(intensity, 0.0, 1.0))
            for unit, value in _EMOTIONS[emotion].faces[0].items()}


class FeltAffect:
    """Reads what the robot feels from its own face and posture, continuously.

    Parameters
    ----------
    face : mapping joint -> {action unit: gain}
        The robot's own mapping (`RobotProfile.face`); empty for a robot without a face.
    label_time : float
        Time constant of the evidence for emotions [s]; bridges blinks and single bad frames.
    feeling_time : float
        Time constant of valence, arousal and dominance [s]. Without it labels flicker, with a
        second they lag by more than that.
    fading_time : float
        Time constant with which a feeling fades while nothing is seen [s].
    """

    def __init__(
        self, face: Mapping[str, Mapping[str, float]], label_time: float = 0.25,
        feeling_time: float = 0.5, fading_time: float = 4.0,
    ) -> None:
        self._joints = tuple(face)
        self._label_time, self._feeling_time = label_time, feeling_time
        self._fading_time = fading_time
        rows = [(name, units, s) for name, emotion in _EMOTIONS.items()
                for units in emotion.faces for s in _INTENSITIES]
        emotion_of = np.array([EMOTIONS.index(name) for name, _, _ in rows])
        self._intensity = np.array([s for _, _, s in rows])
        self._faces = np.array([
            [_drive(gains, units, s) for gains in face.values()] for _, units, s in rows])
        # A joint and its twin on the other side say the same thing and count as one.
        symmetric = [frozenset((unit.rstrip("LR"), gain) for unit, gain in gains.items())
                     for gains in face.values()]
        self._channel = np.array([1.0 / symmetric.count(own) for own in symmetric])
        self._bodies = np.array([
            [np.nan if aspect not in _EMOTIONS[name].body and name != "neutral" else
             rest + s * (_EMOTIONS[name].body.get(aspect, rest) - rest)
             for aspect, rest in _BODY_REST.items()] for name, _, s in rows])
        self._body_spread = np.array(list(_BODY_SPREAD.values()))
        count = np.bincount(emotion_of)
        prior = np.array([emotion.prior for emotion in _EMOTIONS.values()])
        self._log_prior = np.log(prior[emotion_of] / count[emotion_of])
        self._members = np.eye(len(EMOTIONS))[emotion_of]  # (row, emotion)
        self._pad = np.array([[e.pleasure, e.arousal, e.dominance]
                              for e in _EMOTIONS.values()])[emotion_of] * self._intensity[:, None]
        self.reset()

    def reset(self) -> None:
        """Return to feeling nothing."""
        self._stamp: float | None = None
        self._evidence = np.zeros(len(self._intensity))
        self._feeling = np.zeros(3)
        self._confidence = 0.0
        self._seen = np.full(len(self._joints), np.nan)
        self._age = np.full(len(self._joints), np.inf)

    def update(
        self, stamp: float, drive: Mapping[str, float],
        body: BodyExpression | None = None, reliability: float = 1.0,
        explained: Mapping[str, float] = MappingProxyType({}),
    ) -> Affect:
        """Feel anew.

        Parameters
        ----------
        stamp : float
            Acquisition time [s]. A time that jumps back starts over.
        drive : mapping joint -> float
            How far each face joint is driven, -1..1 (`body.face.face_drive`). Joints that are
            unknown are left out, or NaN.
        body : BodyExpression, optional
            The robot's own posture and movement (`BodySense`).
        reliability : float
            0..1: how far the observation is to be trusted (visibility, a face turned away).
        explained : mapping aspect of `body` -> 0..1
            How far what somebody does explains it, so that it says nothing of how they feel
            (`ExplainedByActions`).

        Returns
        -------
        Affect
            When nothing is known the feeling fades, and so does the confidence.
        """
        if self._stamp is not None and stamp < self._stamp:
            self.reset()
        elapsed = 0.0 if self._stamp is None else stamp - self._stamp
        self._stamp = stamp
        self._remember(elapsed, drive)
        log_likelihood, known = self._log_likelihood(body, explained)
        reliability = float(np.clip(np.nan_to_num(reliability), 0.0, 1.0))
        certain = known * reliability
        if certain > 0.0:
            # The less can be seen the slower the change: a face half hidden by a hand is still
            # mostly what it was.
            self._evidence += _share(elapsed * certain, self._label_time) * (
                log_likelihood - self._evidence)
            probability = self._posterior()
            emotions = probability @ self._members
            clarity = 1.0 - _entropy(emotions) / np.log(len(EMOTIONS))
            target = probability @ self._pad
            blend = _share(elapsed * certain, self._feeling_time)
            certain *= 0.3 + 0.7 * clarity
        else:
            self._evidence *= 1.0 - _share(elapsed, self._fading_time)
            emotions = self._posterior() @ self._members
            target = np.zeros(3)
            blend = _share(elapsed, self._fading_time)
        self._feeling += blend * (target - self._feeling)
        self._confidence += _share(elapsed, self._feeling_time) * (certain - self._confidence)
        feeling = np.clip(self._feeling, -1.0, 1.0)
        valence, arousal, dominance = feeling.tolist()
        return Affect(stamp, valence, arousal, dominance, confidence=float(self._confidence),
                      emotions=dict(zip(EMOTIONS, emotions.tolist())))

    def _posterior(self) -> np.ndarray:
        weight = self._evidence + self._log_prior
        weight = np.exp(weight - weight.max())
        return weight / weight.sum()

    def _remember(self, elapsed: float, drive: Mapping[str, float]) -> None:
        """Take in the drives; joints now unknown keep theirs and grow old.

        A hand that comes before a weeping mouth does not end the weeping.
        """
        now = np.array([drive.get(joint, np.nan) for joint in self._joints], float)
        here = np.isfinite(now)
        self._seen = np.where(here, np.clip(now, -1.0, 1.0), self._seen)
        self._age = np.where(here, 0.0, self._age + max(elapsed, 0.0))

    def _log_likelihood(
        self, body: BodyExpression | None, explained: Mapping[str, float],
    ) -> tuple[np.ndarray, float]:
        """Return the log likelihood of each row and how much of the robot was known, 0..1."""
        total = np.zeros(len(self._intensity))
        shares, face_known = [], 0.0
        if self._joints:
            here = np.isfinite(self._seen)
            weight = self._channel * np.exp(-self._age / _HOLD_TIME)
            weight[self._age > 3 * _HOLD_TIME] = 0.0
            face_known = float(weight.sum() / self._channel.sum())
            shares.append((1.0, face_known))
            off = (self._seen[here] - self._faces[:, here]) / _FACE_SPREAD
            total -= 0.5 * off**2 @ weight[here]
        if body is not None:
            seen = np.array([getattr(body, aspect) for aspect in _BODY_REST], float)
            here = np.isfinite(seen)
            voice = _BODY_WEIGHT_ALONE + face_known * (_BODY_WEIGHT - _BODY_WEIGHT_ALONE)
            said = 1.0 - np.array([explained.get(aspect, 0.0) for aspect in _BODY_REST])[here]
            shares.append((_BODY_WEIGHT, said.sum() / len(seen)))
            off = (seen[here] - self._bodies[:, here]) / self._body_spread[here]
            # What an emotion leaves free is as likely as an ordinary deviation, neither for nor
            # against it.
            off = np.where(np.isfinite(off), np.minimum(np.abs(off), 3.0), 1.0)
            total -= 0.5 * voice * (off**2 @ said)
        weight = sum(share for share, _ in shares)
        return total, sum(s * known for s, known in shares) / weight if weight else 0.0


def _drive(gains: Mapping[str, float], units: Mapping[str, float], intensity: float) -> float:
    """Return how far action units at `intensity` drive a joint, -1..1."""
    total = sum(gain * units.get(unit, units.get(unit.rstrip("LR"), 0.0))
                for unit, gain in gains.items())
    return float(np.clip(intensity * total, -1.0, 1.0))


def _share(elapsed: float, time_constant: float) -> float:
    """Return the step of a first-order low-pass over `elapsed` seconds, whatever the rate."""
    return 1.0 - float(np.exp(-max(elapsed, 0.0) / time_constant)) if time_constant > 0 else 1.0


def _entropy(probability: np.ndarray) -> float:
    return float(-(probability * np.log(np.maximum(probability, 1e-12))).sum())


class BodySense:
    """The robot's sense of its own posture and movement, for `FeltAffect`.

    Parameters
    ----------
    model : RobotModel
    smoothing : float
        Time constant of the speed [s].

    Attributes
    ----------
    expression : BodyExpression
        What was felt last.
    """

    def __init__(self, model: RobotModel, smoothing: float = 0.4) -> None:
        self._model, self._smoothing = model, smoothing
        self._effort = EffortSense()
        self.reset()

    def reset(self) -> None:
        """Forget the movement so far."""
        self._stamp: float | None = None
        self._positions = np.full(len(self._model.joint_names), np.nan)
        self._speed = np.nan
        self._effort.reset()
        self.expression = BodyExpression()

    def update(self, stamp: float, positions: np.ndarray) -> BodyExpression:
        """Return what the body expresses at `positions` (n,) [rad], NaN where unknown."""
        positions = np.asarray(positions, float)
        self._move(stamp, positions)
        posture = self._model.human_posture(positions)

        def known(chain: str) -> bool:
            columns = self._model.columns(chain)
            return len(columns) > 0 and bool(np.isfinite(positions[columns]).any())

        arms = [row for row, side in enumerate(("left", "right")) if known(f"{side}_arm")]
        reach = np.array([np.nansum(posture.limbs[3 * row:3 * row + 2], axis=0) / 2
                          for row in arms])
        outward = np.array([(1.0, -1.0)[row] for row in arms])
        return BodyExpression(
            head_pitch=_pitch(posture.head) if known("head") else np.nan,
            torso_pitch=_pitch(posture.torso) if known("torso") else np.nan,
            openness=float((reach[:, 1] * outward).mean()) if arms else np.nan,
            raised=float(reach[:, 2].max()) if arms else np.nan,
            speed=self._speed, **vars(self._effort.update(stamp, posture)))

    def feel(
        self, felt: FeltAffect, stamp: float, positions: np.ndarray, reliability: float = 1.0,
        explained: Mapping[str, float] = MappingProxyType({}),
    ) -> Affect:
        """Read `felt` from the whole robot at `positions` (n,) [rad]: its face and its body."""
        self.expression = self.update(stamp, positions)
        return felt.update(stamp, face_drive(self._model, np.asarray(positions, float)),
                           self.expression, reliability, explained)

    def _move(self, stamp: float, positions: np.ndarray) -> None:
        elapsed = 0.0 if self._stamp is None else stamp - self._stamp
        if elapsed < 0.0 or elapsed > 1.0:
            self._speed = np.nan
        elif elapsed > 0.0:
            rate = (positions - self._positions) / elapsed / self._model.velocity
            rate = rate[self._model.body & np.isfinite(rate)]
            if len(rate):
                speed = float(np.sqrt(np.mean(np.minimum(rate**2, 1.0))))
                before = speed if np.isnan(self._speed) else self._speed
                self._speed = before + _share(elapsed, self._smoothing) * (speed - before)
        self._stamp, self._positions = stamp, positions.copy()


class ExplainedByActions:
    """What of a posture is explained by what somebody does: a bow is not sadness.

    "Explaining away": a cause that is known takes its effects from other causes (Pearl 1988,
    "Probabilistic reasoning in intelligent systems", ch. 2). What a unit does to each aspect is
    taken from the unit itself, made by this robot.

    Parameters
    ----------
    model : RobotModel
    units : sequence of MotorPrimitive
    """

    def __init__(self, model: RobotModel, units: Sequence[MotorPrimitive]) -> None:
        self._share = np.zeros((len(units), len(_BODY_SPREAD)))
        sense = BodySense(model)
        spread = np.array(list(_BODY_SPREAD.values()))

        def aspects(positions: np.ndarray) -> np.ndarray:
            sense.reset()
            body = sense.update(0.0, positions)
            return np.nan_to_num([getattr(body, aspect) for aspect in _BODY_SPREAD])

        still = aspects(model.rest)
        for row, unit in enumerate(units):
            if not unit.background and unit.channel != "face":
                knots = unit.styles[0].mean[::3]
                moved = [np.abs(aspects(np.where(np.isfinite(q), q, model.rest)) - still)
                         for q in knots]
                # Half a spread off is within what people do anyway.
                self._share[row] = np.clip(np.max(moved, axis=0) / spread - 0.5, 0.0, 1.0)

    def explained(self, probability: np.ndarray) -> dict[str, float]:
        """Return how far each aspect is explained, 0..1, by units that fire so strongly (U,)."""
        share = np.minimum(np.asarray(probability, float) @ self._share, 1.0)
        return dict(zip(_BODY_SPREAD, share.tolist()))


def _pitch(rotation: np.ndarray) -> float:
    """Return how far the front of a rotation points below the horizon [rad]."""
    return float(-np.arcsin(np.clip(rotation[2, 0], -1.0, 1.0)))


def mixed(felt: Affect, own: Affect, share: float = 0.2) -> Affect:
    """Return what is felt for another with the robot's own state mixed in.

    Parameters
    ----------
    felt, own : Affect
        Read from the person re-lived, and from the robot's real joints; the stamp is that of
        `felt`.
    share : float
        0..1: weight of the robot's own state where both are equally certain.
    """
    weights = np.array([(1.0 - share) * felt.confidence, share * own.confidence])
    total = weights.sum()
    weights = weights / total if total > 0.0 else np.array([1.0, 0.0])

    def mean(first: float, second: float) -> float:
        return float(weights @ (first, second))

    return replace(
        felt, valence=mean(felt.valence, own.valence), arousal=mean(felt.arousal, own.arousal),
        dominance=mean(felt.dominance, own.dominance),
        emotions={name: mean(felt.emotions[name], own.emotions.get(name, 0.0))
                  for name in felt.emotions})


@dataclass(frozen=True)
class Mood:
    """A word for a felt state.

    Attributes
    ----------
    word : str
        One of `MOODS`.
    intensity : float
        0..1: how far from feeling nothing.
    """

    word: str
    intensity: float


# Where the words lie (valence, arousal, dominance); Russell and Mehrabian 1977, rounded.
_MOODS: Mapping[str, tuple[float, float, float]] = MappingProxyType({
    "joyful": (0.70, 0.45, 0.35), "content": (0.50, 0.05, 0.20), "relaxed": (0.30, -0.45, 0.10),
    "sad": (-0.60, -0.25, -0.35), "distressed": (-0.60, 0.28, -0.36),
    "angry": (-0.50, 0.59, 0.25), "afraid": (-0.64, 0.60, -0.43),
    "disgusted": (-0.60, 0.35, 0.11), "surprised": (0.10, 0.67, -0.13),
    "excited": (0.40, 0.75, 0.20), "bored": (-0.35, -0.55, -0.20),
})
MOODS: tuple[str, ...] = ("calm", *_MOODS)
"""The words of `describe`."""

_OF_EMOTION = MappingProxyType({
    "joy": ("joyful", "content"), "weeping": ("distressed",), "sadness": ("sad",),
    "anger": ("angry",), "fear": ("afraid",), "disgust": ("disgusted",),
    "surprise": ("surprised", "excited"),
})


def feeling(mood: str, intensity: float = 1.0) -> Affect:
    """Return the felt state that a word of `MOODS` stands for: `describe` the other way round.

    Raises
    ------
    ValueError
        If there is no such word; the message lists those that exist.
    """
    if mood not in MOODS:
        raise ValueError(f"no mood {mood!r}; {choices(mood, MOODS)}")
    place = np.clip(intensity, 0.0, 1.0) * np.array(_MOODS.get(mood, (0.0, 0.0, 0.0)))
    valence, arousal, dominance = place.tolist()
    return Affect(0.0, valence, arousal, dominance, confidence=1.0)


def face_of(mood: str, intensity: float = 1.0) -> dict[str, float]:
    """Return the action units 0..1 of the face that goes with a word of `MOODS`.

    That of the nearest emotion; a content face is a faint smile, a bored one is no expression.
    """
    for emotion, words in _OF_EMOTION.items():
        if mood in words:
            return expression(emotion, intensity * (1.0 if mood == words[0] else 0.6))
    return expression("joy", 0.3 * intensity) if mood == "relaxed" else {}


def describe(affect: Affect, calm_below: float = 0.18) -> Mood:
    """Put a felt state into a word.

    The word is the one whose place in the space of valence, arousal and dominance is nearest in
    direction; where the emotions are known they weigh in, because anger and disgust, or distress
    and fear, lie too near to each other to be told apart by place alone.

    Parameters
    ----------
    affect : Affect
    calm_below : float
        Length of (valence, arousal, dominance) under which the word is "calm".
    """
    place = np.array([affect.valence, affect.arousal, affect.dominance])
    size = float(np.linalg.norm(place))
    if size < calm_below:
        return Mood("calm", min(size, 1.0))
    support = dict.fromkeys(_MOODS, 0.0)
    for emotion, words in _OF_EMOTION.items():
        for word in words:
            support[word] = affect.emotions.get(emotion, 0.0)

    def nearness(word: str) -> float:
        there = np.array(_MOODS[word])
        return float(place @ there / size / np.linalg.norm(there)
                     - 0.3 * abs(size - np.linalg.norm(there)) + support[word])

    return Mood(max(_MOODS, key=nearness), min(size, 1.0))
