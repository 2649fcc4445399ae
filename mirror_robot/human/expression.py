# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Which expression a face shows, by the names of REP-155, out of its action units.

Each expression is a few typical faces, after Ekman and Friesen's emotional prototypes (EMFACS) at
the strengths that `human.face.action_units` gives them; how likely the action units are, seen from
each of these at several intensities, makes the probability. A neutral face has several looks too:
people talk, blink and underline what they say with their brows, and that is no expression. No look
is told by the corners of the mouth alone: lids that are shut over a wide mouth that shows no teeth
are weeping.

This tells others what is seen. What the robot makes of it, it reads from its own face
(`mirror.affect`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from mirror_robot.human.face import MOUTH_HIDDEN, NeutralFace, action_units


@dataclass(frozen=True)
class Expression:
    """An expression in one image.

    Attributes
    ----------
    name : str
        One of `EXPRESSIONS`, as hri_msgs/Expression has them; empty where none is clear.
    valence, arousal : float
        -1..1: unpleasant to pleasant, drowsy to excited.
    confidence : float
        0..1: the probability of `name`, less while the person's neutral face is not known yet,
        while the face is turned away, and while something covers the mouth.
    probability : mapping str -> float
        Of each of `EXPRESSIONS`; sums to 1.
    """

    name: str
    valence: float
    arousal: float
    confidence: float
    probability: Mapping[str, float]


@dataclass(frozen=True)
class _Kind:
    """Pleasure and arousal, how often it is met against the rare ones, and typical faces."""

    pleasure: float
    arousal: float
    prior: float
    faces: tuple[Mapping[str, float], ...]


# Pleasure and arousal: Russell and Mehrabian 1977, "Evidence for a three-factor theory of
# emotions", J. Res. Personality 11; a surprised face is rated near zero pleasure, not .40.
_KINDS: Mapping[str, _Kind] = MappingProxyType({
    "neutral": _Kind(0.0, 0.0, 2.0, (
        {},
        {"AU25": 0.5, "AU26": 0.2},                                      # talking
        {"AU25": 0.8, "AU26": 0.5},
        {"AU25": 0.5, "AU26": 0.2, "AU1": 0.3, "AU2": 0.3},              # brows that underline
        {"AU24": 0.4},                                                   # lips closed firmly
        {"AU43": 0.9},                                                   # a blink, eyes at rest
        {"AU1": 0.4, "AU2": 0.4},
    )),
    "happy": _Kind(0.76, 0.48, 2.0, (
        {"AU6": 0.4, "AU12": 0.9, "AU10": 0.8, "AU25": 0.9, "AU26": 0.1},   # toothy smile
        {"AU6": 0.4, "AU12": 0.9, "AU10": 0.9, "AU25": 1.0, "AU26": 0.5},   # laughter
        {"AU6": 0.6, "AU12": 0.9, "AU10": 0.9, "AU25": 1.0, "AU43": 0.8},   # with the eyes shut
        {"AU6": 0.3, "AU12": 0.7},                                          # the lips closed
    )),
    "sad": _Kind(-0.63, -0.10, 1.0, (
        {"AU1": 0.5, "AU4": 0.2, "AU15": 0.5, "AU17": 0.4},
        {"AU15": 0.6, "AU17": 0.4},
        {"AU1": 0.6, "AU4": 0.2, "AU43": 0.5},
        {"AU1": 0.4, "AU43": 0.9, "AU6": 0.4, "AU12": 0.7, "AU24": 0.2},    # weeping
        {"AU1": 0.4, "AU43": 0.9, "AU6": 0.3, "AU12": 0.4},
        {"AU1": 0.6, "AU4": 0.3, "AU43": 0.9, "AU15": 0.5, "AU17": 0.5},
        {"AU1": 0.6, "AU4": 0.4, "AU43": 0.9, "AU20": 0.6, "AU25": 0.6},
    )),
    "angry": _Kind(-0.51, 0.59, 1.0, (
        {"AU4": 0.7, "AU7": 0.3, "AU23": 0.4, "AU24": 0.3},
        {"AU4": 0.7, "AU7": 0.3, "AU17": 0.4},
        {"AU4": 0.9, "AU5": 0.4, "AU7": 0.4},
        {"AU4": 0.8, "AU7": 0.4, "AU10": 0.3, "AU25": 0.7, "AU26": 0.2},
    )),
    "surprised": _Kind(0.10, 0.67, 1.0, (
        {"AU1": 0.6, "AU2": 0.8, "AU5": 0.7, "AU25": 1.0, "AU26": 0.8},
        {"AU1": 0.5, "AU2": 0.5, "AU5": 0.3, "AU25": 1.0, "AU26": 0.5},
        {"AU1": 0.3, "AU2": 0.2, "AU25": 1.0, "AU26": 1.0},
        {"AU1": 0.7, "AU2": 0.9, "AU5": 0.8},
    )),
    "disgusted": _Kind(-0.60, 0.35, 1.0, (
        {"AU4": 0.7, "AU7": 0.4, "AU9": 0.5, "AU10": 0.2, "AU25": 0.2},
        {"AU4": 0.6, "AU7": 0.4, "AU9": 0.5, "AU43": 0.5},
        {"AU4": 0.4, "AU9": 0.3, "AU10": 0.5, "AU15": 0.4},
    )),
    "scared": _Kind(-0.64, 0.60, 1.0, (
        {"AU1": 0.5, "AU2": 0.2, "AU5": 0.4, "AU20": 0.7, "AU25": 0.8},
        {"AU1": 0.6, "AU4": 0.4, "AU5": 0.4, "AU20": 0.6, "AU25": 0.6},
        {"AU1": 0.3, "AU15": 0.3, "AU20": 0.7, "AU25": 0.8, "AU10": 0.3},
    )),
})

EXPRESSIONS: tuple[str, ...] = tuple(_KINDS)
"""The names told: a subset of those of hri_msgs/Expression."""

UNITS = ("AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU9", "AU10", "AU12", "AU15", "AU17", "AU20",
         "AU23", "AU24", "AU25", "AU26", "AU43")
"""The action units that are looked at."""

_INTENSITIES = (0.5, 0.75, 1.0)  # of typical faces; a fainter one is as good as none
_SPREAD = 0.25  # of an action unit around what a typical face has
_INDEPENDENT = 0.75  # share of the action units' evidence that counts: they move together
_CLEAR = 0.4  # probability from which an expression is named
_FLOOR = -12.0  # of the log likelihood against the best: one image is never certain

# A mouth that opens and closes is talking: how far it is open then says nothing, and brows and
# lids underline what is said (Ekman 1979, "About brows"). The spread of AU25 and AU26 over half a
# second is 0.05 in a smile that stays, 0.3 in talk. A talking man seemed surprised in 22 % of the
# images without this, in 18 % with the mouth discounted, and in none with the brows, too.
_SPEECH = np.array([unit in ("AU25", "AU26", "AU1", "AU2", "AU5") for unit in UNITS])
_TALK_TIME, _TALK_SPREAD = 0.5, 0.1


def _typical() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    faces, owners, priors = [], [], []
    for row, kind in enumerate(_KINDS.values()):
        scales = (1.0,) if row == 0 else _INTENSITIES
        for face in kind.faces:
            for scale in scales:
                faces.append([scale * face.get(unit, 0.0) for unit in UNITS])
                owners.append(row)
                priors.append(np.log(kind.prior / (len(kind.faces) * len(scales))))
    return np.array(faces), np.array(owners), np.array(priors)


_FACES, _OWNERS, _PRIORS = _typical()
_BELONGS = _OWNERS == np.arange(len(_KINDS))[:, None]
_FEELING = np.array([[kind.pleasure, kind.arousal] for kind in _KINDS.values()])


def log_likelihood(units: Mapping[str, float], still: float = 1.0) -> np.ndarray:
    """Return how well each of `EXPRESSIONS` explains action units (7,), the best being 0.

    Parameters
    ----------
    units : mapping str -> float
        As `action_units` gives them; those that are not known are left out, and say nothing.
    still : float
        0..1: how far the opening of the mouth and the lift of the brows count: not while talking.
    """
    seen = np.array([units.get(unit, np.nan) for unit in UNITS])
    known = np.isfinite(seen)
    off = (seen[known] - _FACES[:, known]) / _SPREAD
    weight = _INDEPENDENT * np.where(_SPEECH[known], still, 1.0)
    each = _PRIORS - 0.5 * off**2 @ weight
    best = np.where(_BELONGS, each, -np.inf)
    top = best.max(axis=1)
    out = top + np.log(np.exp(best - top[:, None]).sum(axis=1))
    return np.maximum(out - out.max(), _FLOOR)


class ExpressionSense:
    """Reads the expression of one person's face from image to image.

    Parameters
    ----------
    label_time : float
        Time constant of the evidence [s]; bridges blinks and what a syllable does to the mouth.
    feeling_time : float
        Time constant of valence and arousal [s].
    """

    def __init__(self, label_time: float = 0.25, feeling_time: float = 0.5) -> None:
        self._label_time, self._feeling_time = label_time, feeling_time
        self._stamp: float | None = None
        self._evidence, self._feeling = np.zeros(len(_KINDS)), np.zeros(2)
        self._open, self._restless = np.zeros(2), np.zeros(2)

    def __call__(
        self, stamp: float, coefficients: Mapping[str, float], neutral: NeutralFace,
        aside: float = 0.0,
    ) -> Expression:
        """Return the expression of the face now.

        Parameters
        ----------
        stamp : float
            Acquisition time [s]; a time that jumps back, or a gap of a second, starts over.
        coefficients : mapping str -> float
            As for `action_units`.
        neutral : NeutralFace
            The person's own.
        aside : float
            How far the face is turned away from the camera [rad]; beyond 30 degrees hardly
            anything can be read.
        """
        units = action_units(coefficients, neutral)
        elapsed = np.inf if self._stamp is None else stamp - self._stamp
        fresh = not 0.0 <= elapsed <= 1.0
        self._stamp = stamp
        seen = log_likelihood(units, self._still(units, elapsed, fresh))
        share = 1.0 if fresh else 1.0 - np.exp(-elapsed / self._label_time)
        self._evidence = self._evidence + share * (seen - self._evidence)
        weight = np.exp(self._evidence - self._evidence.max())
        probability = weight / weight.sum()
        share = 1.0 if fresh else 1.0 - np.exp(-elapsed / self._feeling_time)
        self._feeling = self._feeling + share * (probability @ _FEELING - self._feeling)
        best = int(probability.argmax())
        hidden = coefficients.get(MOUTH_HIDDEN, 0.0) > 0.5
        trust = (0.6 + 0.4 * neutral.maturity) * (0.5 if hidden else 1.0) * float(
            np.clip((np.radians(45.0) - aside) / np.radians(20.0), 0.1, 1.0))
        return Expression(
            EXPRESSIONS[best] if probability[best] >= _CLEAR else "",
            float(self._feeling[0]), float(self._feeling[1]),
            float(probability[best] * trust), dict(zip(EXPRESSIONS, probability.tolist())))

    def _still(self, units: Mapping[str, float], elapsed: float, fresh: bool) -> float:
        mouth = np.nan_to_num([units.get(unit, np.nan) for unit in ("AU25", "AU26")])
        if fresh:
            self._open, self._restless = mouth, np.zeros(2)
            return 1.0
        share = 1.0 - np.exp(-elapsed / _TALK_TIME)
        off = mouth - self._open
        self._open = self._open + share * off
        self._restless = (1.0 - share) * (self._restless + share * off**2)
        return float(1.0 / (1.0 + self._restless.max() / _TALK_SPREAD**2))
