# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What a face does: measures of its shape, the person's own neutral face, FACS action units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from mirror_robot.human.landmarks import POSE_INDEX

# Rows of MediaPipe's 478-point face mesh; "Left" is the person's own left.
_OUTER_EYE = {"Left": 263, "Right": 33}
_INNER_EYE = {"Left": 362, "Right": 133}
_BROW = {  # lower and upper contour
    "Left": {"Inner": (285, 336), "Middle": (282, 334), "Outer": (276, 300)},
    "Right": {"Inner": (55, 107), "Middle": (52, 105), "Outer": (46, 70)},
}
_UPPER_LID = {"Left": (385, 386, 387), "Right": (160, 159, 158)}
_LOWER_LID = {"Left": (380, 374, 373), "Right": (144, 145, 153)}
_MOUTH_CORNER = {"Left": 291, "Right": 61}
_FOREHEAD, _NOSE_BASE, _CHIN = 10, 2, 152
_UPPER_LIP, _UPPER_INNER_LIP, _LOWER_INNER_LIP, _LOWER_LIP = 0, 13, 14, 17
_SIDES = ("Left", "Right")

GEOMETRY = (
    *(name + side for side in _SIDES for name in (
        "browInnerHeight", "browMiddleHeight", "browOuterHeight", "browSlope", "eyeAperture",
        "mouthCornerHeight", "mouthCornerNose")),
    "browGap", "mouthWidth", "lipOpening", "lipThicknessUpper", "lipThicknessLower",
    "upperLipNose", "chinNose",
)
"""The measures of `face_geometry`; named so as to travel beside MediaPipe's blendshapes."""


def face_geometry(
    landmarks: np.ndarray, matrix: np.ndarray | None = None,
) -> dict[str, float]:
    """Measure the shape of a face, freed from the turn of the head and its size in the image.

    The blendshape network calls a weeping mouth a smile; these measures tell lips pressed and
    widened from lips that open over the teeth, and do not depend on it.

    Parameters
    ----------
    landmarks : ndarray (478, 3)
        MediaPipe's face mesh, all three axes in one unit: normalised x and z times the image's
        width, y times its height. x to the right of the image, y down, z away from the camera.
    matrix : ndarray (4, 4), optional
        MediaPipe's facial transformation matrix of the same face. Without it the face is turned
        upright by its own eyes, forehead and nose, which misplaces heights by up to 0.04.

    Returns
    -------
    dict str -> float
        The measures of `GEOMETRY` as multiples of the distance between the outer eye corners.

        - ``brow{Inner,Middle,Outer}Height<Side>``: height of the brow over that eye's corners,
          0.1..0.35; ``browSlope<Side>``: inner less outer height, -0.1..0.15, high in grief.
        - ``browGap``: between the inner ends of the brows, 0.2..0.35.
        - ``eyeAperture<Side>``: between the lids, 0 when shut, about 0.1 open.
        - ``mouthWidth`` 0.4..0.9, ``lipOpening`` between the inner lips 0..0.6,
          ``lipThicknessUpper`` and ``lipThicknessLower`` 0.03..0.2, ``upperLipNose`` 0.08..0.25,
          ``chinNose`` 0.6..1.3.
        - ``mouthCornerHeight<Side>``: over the middle of the lips, -0.1..0.2;
          ``mouthCornerNose<Side>``: below the base of the nose, 0.1..0.4.

        Empty when the face has no extent or is not finite.
    """
    points = np.asarray(landmarks, float)
    if points.shape != (478, 3):
        raise ValueError(f"a face mesh has the shape (478, 3), this one {points.shape}")
    points = _in_face_axes(points, matrix)
    scale = np.linalg.norm(points[_OUTER_EYE["Left"]] - points[_OUTER_EYE["Right"]])
    if not (np.isfinite(points).all() and scale > 1e-9):
        return {}
    points = points / scale
    heights = points[:, 1]

    def distance(first: int, second: int) -> float:
        return float(np.linalg.norm(points[first] - points[second]))

    lips = 0.5 * (heights[_UPPER_INNER_LIP] + heights[_LOWER_INNER_LIP])
    measures: dict[str, float] = {}
    for side in _SIDES:
        eye = 0.5 * (heights[_OUTER_EYE[side]] + heights[_INNER_EYE[side]])
        brow = {part: heights[list(rows)].mean() - eye for part, rows in _BROW[side].items()}
        upper, lower = points[list(_UPPER_LID[side]), :2], points[list(_LOWER_LID[side]), :2]
        corner = heights[_MOUTH_CORNER[side]]
        measures |= {f"brow{part}Height{side}": float(height) for part, height in brow.items()}
        measures |= {
            f"browSlope{side}": float(brow["Inner"] - brow["Outer"]),
            f"eyeAperture{side}": float(np.linalg.norm(upper - lower, axis=1).mean()),
            f"mouthCornerHeight{side}": float(corner - lips),
            f"mouthCornerNose{side}": float(heights[_NOSE_BASE] - corner),
        }
    return measures | {
        "browGap": distance(_BROW["Left"]["Inner"][0], _BROW["Right"]["Inner"][0]),
        "mouthWidth": distance(_MOUTH_CORNER["Left"], _MOUTH_CORNER["Right"]),
        "lipOpening": distance(_UPPER_INNER_LIP, _LOWER_INNER_LIP),
        "lipThicknessUpper": distance(_UPPER_LIP, _UPPER_INNER_LIP),
        "lipThicknessLower": distance(_LOWER_LIP, _LOWER_INNER_LIP),
        "upperLipNose": distance(_NOSE_BASE, _UPPER_LIP),
        "chinNose": distance(_NOSE_BASE, _CHIN),
    }


def _in_face_axes(points: np.ndarray, matrix: np.ndarray | None) -> np.ndarray:
    """Return points in the face's own axes: x to the person's left, y up, z out of the face."""
    upright = points * (1.0, -1.0, -1.0)  # the matrix has y up, z to the viewer
    if matrix is not None and np.isfinite(matrix).all():
        return upright @ np.asarray(matrix, float)[:3, :3]
    left = upright[_OUTER_EYE["Left"]] - upright[_OUTER_EYE["Right"]]
    left /= max(np.linalg.norm(left), 1e-12)
    up = upright[_FOREHEAD] - upright[_NOSE_BASE]
    up -= left * (left @ up)
    up /= max(np.linalg.norm(up), 1e-12)
    return upright @ np.column_stack([left, up, np.cross(left, up)])


NEUTRAL: Mapping[str, tuple[float, float]] = MappingProxyType({
    name + side: value for names, value in {
        ("browInnerHeight",): (0.200, 0.03),
        ("browMiddleHeight",): (0.245, 0.03),
        ("browOuterHeight",): (0.160, 0.02),
        ("browSlope",): (0.040, 0.018),
        ("eyeAperture",): (0.095, 0.012),
        ("mouthCornerHeight",): (-0.010, 0.010),
        ("mouthCornerNose",): (0.260, 0.022),
        ("browDown",): (0.13, 0.15),
        ("browOuterUp",): (0.05, 0.05),
        ("eyeBlink",): (0.13, 0.07),
        ("eyeSquint",): (0.28, 0.11),
        ("mouthSmile",): (0.03, 0.08),
        ("mouthPress",): (0.06, 0.07),
        ("mouthStretch",): (0.02, 0.03),
        ("mouthUpperUp",): (0.01, 0.03),
        ("mouthFrown",): (0.002, 0.004),
        ("mouthDimple",): (0.01, 0.01),
        ("eyeWide",): (0.01, 0.01),
    }.items() for name in names for side in _SIDES
} | {
    "browInnerUp": (0.04, 0.10),
    "browGap": (0.285, 0.014),
    "mouthWidth": (0.580, 0.05),
    "lipOpening": (0.006, 0.005),
    "lipThicknessUpper": (0.104, 0.012),
    "lipThicknessLower": (0.126, 0.017),
    "upperLipNose": (0.166, 0.022),
    "chinNose": (0.800, 0.05),
    "jawOpen": (0.005, 0.01),
    "mouthShrugLower": (0.08, 0.11),
    "mouthRollLower": (0.01, 0.03),
    "mouthRollUpper": (0.01, 0.02),
})
"""Mean and spread between people of each measure on a neutral face (twelve people, frontal)."""


@dataclass(frozen=True)
class _Cue:
    """One sign of an action unit: how far a measure moves from neutral, from nothing to all of it.

    `start` is the dead zone that keeps what differs between people from counting as expression;
    `full` is the movement at the apex of a posed expression; the sign is that of the movement.
    """

    measure: str
    start: float
    full: float
    weight: float = 1.0


# What each unit is told by; side names are appended where the measure has them. Amplitudes are
# those measured between the first (neutral) and last (apex) frames of posed expressions.
_SIDED_CUES: Mapping[str, tuple[_Cue, ...]] = {
    "AU1": (_Cue("browInnerHeight", 0.010, 0.055), _Cue("browSlope", 0.005, 0.045),
            _Cue("browInnerUp", 0.05, 0.55)),
    "AU2": (_Cue("browOuterHeight", 0.010, 0.050), _Cue("browOuterUp", 0.10, 0.65)),
    "AU4": (_Cue("browInnerHeight", -0.010, -0.045), _Cue("browDown", 0.08, 0.45),
            _Cue("browMiddleHeight", -0.010, -0.045, 0.5)),
    "AU5": (_Cue("eyeAperture", 0.008, 0.032), _Cue("eyeWide", 0.02, 0.25)),
    "AU12": (_Cue("mouthSmile", 0.10, 0.80), _Cue("mouthCornerNose", -0.015, -0.095),
             _Cue("mouthCornerHeight", 0.015, 0.100, 0.5)),
    "AU14": (_Cue("mouthDimple", 0.03, 0.30),),
    "AU15": (_Cue("mouthCornerHeight", -0.006, -0.028), _Cue("mouthFrown", 0.01, 0.06)),
    "AU20": (_Cue("mouthStretch", 0.06, 0.35),),
    "AU43": (_Cue("eyeBlink", 0.15, 0.55), _Cue("eyeAperture", -0.035, -0.080)),
}
_CUES: Mapping[str, tuple[_Cue, ...]] = {
    "AU10": (_Cue("mouthUpperUp", 0.08, 0.75), _Cue("upperLipNose", -0.020, -0.055, 0.25)),
    "AU17": (_Cue("mouthShrugLower", 0.08, 0.50),),
    "AU23": (_Cue("lipThicknessUpper", -0.010, -0.035), _Cue("lipThicknessLower", -0.015, -0.045),
             _Cue("mouthRollUpper", 0.02, 0.15), _Cue("mouthRollLower", 0.03, 0.20)),
    "AU24": (_Cue("mouthPress", 0.06, 0.30),),
    "AU25": (_Cue("lipOpening", 0.015, 0.150),),
    "AU26": (_Cue("jawOpen", 0.03, 0.60), _Cue("chinNose", 0.030, 0.160)),
}
_SQUINT = (_Cue("eyeSquint", 0.05, 0.45), _Cue("eyeAperture", -0.010, -0.045, 0.5))
_NOSE_WRINKLE = (_Cue("upperLipNose", -0.008, -0.040),)

SIDED_UNITS = (*_SIDED_CUES, "AU6", "AU7")
"""Action units told for each side (``AU12L``, ``AU12R``) and as their mean (``AU12``)."""

MOUTH_UNITS = ("AU9", "AU10", "AU12", "AU14", "AU15", "AU17", "AU20", "AU23", "AU24", "AU25",
               "AU26")
"""Action units that cannot be told while something covers the mouth."""


def action_units(
    coefficients: Mapping[str, float], neutral: NeutralFace | None = None,
) -> dict[str, float]:
    """Tell which facial action units (Ekman and Friesen's FACS) are seen, and how strongly.

    Each unit is the weighted mean of its cues, each cue the movement of one measure away from the
    neutral face, past a dead zone, against its movement at the apex of posed expressions. Cues
    whose measure is absent are left out; a unit without any cue is left out, never invented. While
    the person's own neutral face is not known, the dead zone is wider by what differs between
    people: a stranger's low brow is no frown.

    Parameters
    ----------
    coefficients : mapping str -> float
        MediaPipe blendshapes, measures of `face_geometry`, or both. With `MOUTH_HIDDEN` above 0.5
        the `MOUTH_UNITS` are left out: the face tracker invents a mouth behind a hand.
    neutral : NeutralFace, optional
        The person's own; by default that of a stranger.

    Returns
    -------
    dict str -> float
        0..1 by FACS name. Units of `SIDED_UNITS` come with L, R and without suffix.
        AU43 (eyes closed) also stands for blinks. AU9, AU23, AU24 are weak in these landmarks.
    """
    neutral = neutral or _STRANGER
    mouth_hidden = coefficients.get(MOUTH_HIDDEN, 0.0) > 0.5
    units: dict[str, float] = {}
    for side in _SIDES:
        sided = {unit: _strength(cues, coefficients, neutral, side)
                 for unit, cues in _SIDED_CUES.items()}
        squint = _strength(_SQUINT, coefficients, neutral, side)
        # Raised cheeks and tightened lids narrow the eyes alike; the smile tells which it is.
        smile = 0.0 if mouth_hidden else np.nan_to_num(sided["AU12"])
        shut = np.nan_to_num(sided["AU43"])
        sided["AU6"] = squint * smile
        sided["AU7"] = squint * (1.0 - smile) * (1.0 - shut)
        units |= {unit + side[0]: value for unit, value in sided.items()}
    units |= {unit: _strength(cues, coefficients, neutral) for unit, cues in _CUES.items()}
    for unit in SIDED_UNITS:
        known = [units[unit + side] for side in "LR" if np.isfinite(units[unit + side])]
        units[unit] = float(np.mean(known)) if known else np.nan
    # A wrinkled nose draws brow and lip together; a smile lifts the lip but leaves the brow.
    units["AU9"] = float(np.sqrt(
        units["AU4"] * _strength(_NOSE_WRINKLE, coefficients, neutral))
        * (1.0 - np.nan_to_num(units["AU12"])))
    return {unit: float(value) for unit, value in units.items()
            if np.isfinite(value)
            and not (mouth_hidden and unit.rstrip("LR") in MOUTH_UNITS)}


def _value(measure: str, side: str, values: Mapping[str, float]) -> float:
    """Return a measure of one side, of the whole face, or the mean of both sides."""
    for name in (measure + side, measure):
        if name in values:
            return values[name]
    both = [values[measure + each] for each in _SIDES if measure + each in values]
    return sum(both) / len(both) if both else np.nan


def _strength(
    cues: tuple[_Cue, ...], values: Mapping[str, float], neutral: NeutralFace, side: str = "",
) -> float:
    """Return the weighted mean 0..1 of the cues that are known, NaN when none is."""
    total = weight = 0.0
    for cue in cues:
        moved = _value(cue.measure, side, values) - _value(cue.measure, side, neutral.values)
        if np.isfinite(moved):
            doubt = _value(cue.measure, side, neutral.doubt)
            moved = np.sign(moved) * max(abs(moved) - doubt, 0.0)
            share = (moved - cue.start) / (cue.full - cue.start)
            total += cue.weight * min(max(share, 0.0), 1.0)
            weight += cue.weight
    return total / weight if weight else np.nan


MOUTH_HIDDEN = "mouthHidden"
"""Coefficient that says whether something covers the mouth: above 0.5 it does."""


def hand_over_mouth(landmarks: np.ndarray, reach: float = 1.1) -> bool:
    """Return whether a hand is so near to the mouth that it probably covers it.

    The face tracker does not notice: it invents the mouth. A wrist or fingertip nearer to the
    mouth than `reach` times the distance between the ears was so in 95 % of the frames with a hand
    on the mouth and in fewer than 5 % of the others (a close-up of 20 s).

    Parameters
    ----------
    landmarks : ndarray (33, 3)
        MediaPipe's world landmarks, in any axes. *All* of them: the tracker calls hands before a
        face hardly visible (0.2), and what drops those cannot be asked any more.
    reach : float
        Once a hand is there, 1.4 keeps single frames from uncovering the mouth.
    """
    point = np.asarray(landmarks, float)
    ears = np.linalg.norm(point[POSE_INDEX["left_ear"]] - point[POSE_INDEX["right_ear"]])
    mouth = 0.5 * (point[POSE_INDEX["mouth_left"]] + point[POSE_INDEX["mouth_right"]])
    hands = point[[POSE_INDEX[f"{side}_{part}"] for side in ("left", "right")
                   for part in ("wrist", "index", "pinky", "thumb")]]
    return bool((np.linalg.norm(hands - mouth, axis=1) < reach * ears).any())


# Share of the spread between people by which a stranger's neutral is doubted: with all of it, weak
# expressions of strangers vanish; with none, one neutral face in four reads as angry or worried.
_DOUBT = 0.5


class NeutralFace:
    """The neutral face of one person, learnt while that face is calm.

    Absolute measures follow identity: low brows read as a frown on some calm faces. The estimate
    starts from `NEUTRAL`, which counts like `prior_seconds` of observation, and is the running
    mean of calm frames. It stays within `cap` spreads of the prior, so that a person who is
    worried all the time is not taken for neutral altogether.

    Parameters
    ----------
    prior_seconds : float
        Weight of the prior [s of calm face]. Shorter adapts faster and errs more on a fleeting
        calm moment within an expression.
    memory : float
        Time constant [s of calm face] of forgetting once that much has been seen.
    cap : float
        Largest deviation from the prior [spreads between people].
    """

    def __init__(
        self, prior_seconds: float = 0.25, memory: float = 30.0, cap: float = 2.5,
    ) -> None:
        self._prior_seconds, self._memory, self._cap = prior_seconds, memory, cap
        self.reset()

    def reset(self) -> None:
        """Forget the person."""
        self._stamp: float | None = None
        self._seconds = 0.0
        self._values = {name: mean for name, (mean, _) in NEUTRAL.items()}
        self._doubt = {name: _DOUBT * spread for name, (_, spread) in NEUTRAL.items()}

    @property
    def values(self) -> Mapping[str, float]:
        """The neutral face so far, for `action_units`."""
        return self._values

    @property
    def doubt(self) -> Mapping[str, float]:
        """How far each value may still be off (one spread between people, until it is learnt)."""
        return self._doubt

    @property
    def maturity(self) -> float:
        """How much of the estimate is the person's own, 0..1."""
        return self._seconds / (self._seconds + self._prior_seconds)

    def update(
        self, stamp: float, coefficients: Mapping[str, float], facing: bool = True,
    ) -> bool:
        """Take in one frame; return whether it was calm and was learnt from.

        Parameters
        ----------
        stamp : float
            Acquisition time [s]; a jump back or a gap counts as no time.
        coefficients : mapping str -> float
            As for `action_units`.
        facing : bool
            False when the head is turned more than about 25 degrees off the camera.
        """
        elapsed = 0.0 if self._stamp is None else stamp - self._stamp
        self._stamp = stamp
        hidden = coefficients.get(MOUTH_HIDDEN, 0.0) > 0.5
        if hidden or not facing or not is_calm(coefficients):
            return False
        # The first frame counts as one of 30 fps; a long gap says nothing about what lay between.
        elapsed = min(elapsed, 0.1) if elapsed > 0.0 else 1.0 / 30.0
        self._seconds = min(self._seconds + elapsed, self._memory)
        gain = elapsed / (self._seconds + self._prior_seconds)
        for name, (mean, spread) in NEUTRAL.items():
            seen = coefficients.get(name, np.nan)
            if np.isfinite(seen):
                moved = self._values[name] + gain * (seen - self._values[name])
                low, high = mean - self._cap * spread, mean + self._cap * spread
                self._values[name] = min(max(moved, low), high)
                self._doubt[name] = _DOUBT * spread * (1.0 - self.maturity)
        return True


_STRANGER = NeutralFace()


# A calm face: lips together and not drawn anywhere, eyes open. Brows are left out on purpose: they
# are what differs most between people and what the neutral face is needed for.
_CALM_BELOW = MappingProxyType({
    "lipOpening": 0.035, "jawOpen": 0.10, "mouthSmile": 0.30, "mouthUpperUp": 0.20,
    "mouthStretch": 0.15, "mouthFrown": 0.05, "mouthRollLower": 0.30, "mouthShrugLower": 0.35,
    "eyeBlink": 0.40, "eyeWide": 0.15, "browInnerUp": 0.45,
})
_CALM_ABOVE = MappingProxyType({"eyeAperture": 0.065})


def is_calm(coefficients: Mapping[str, float]) -> bool:
    """Return whether a face shows no expression of mouth or eyes, whoever's face it is."""
    below = (_value(name, "", coefficients) < limit for name, limit in _CALM_BELOW.items()
             if np.isfinite(_value(name, "", coefficients)))
    above = (_value(name, "", coefficients) > limit for name, limit in _CALM_ABOVE.items()
             if np.isfinite(_value(name, "", coefficients)))
    return all(below) and all(above)
