# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Metaphors of feeling, both ways: read from a body, and laid upon what the robot does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import yaml

from mirror_robot.mirror.affect import Affect, BodyExpression
from mirror_robot.mirror.manner import ADDED, COLOUR, MULTIPLIED, Manner
from mirror_robot.resources import share_file
from mirror_robot.tables import Checks

FEELINGS = ("valence", "arousal", "dominance")
ASPECTS = ("head_pitch", "torso_pitch", "lean", "openness", "raised", "speed", "strong", "sudden",
           "direct", "bound")
"""What of a body may be `seen`."""

_SHOWN = (*ADDED, *MULTIPLIED)

_LEVEL_GAZE = 0.8
"""How much of a trunk's pitch is taken back by a head that bends with it: who comes nearer looks
ahead, who sinks into himself looks down."""

_PLAIN = 0.45
"""How far on a scale a body must be for the picture to be told."""

_MEANT = 0.25
"""How far on the same side of the scale the feeling must be."""


class MetaphorTableError(ValueError):
    """A table of metaphors that cannot be used; says where, and what would be right."""


_check = Checks(MetaphorTableError)
_mapping, _number, _numbers = _check.mapping, _check.number, _check.numbers


@dataclass(frozen=True)
class Metaphor:
    """One scale.

    Attributes
    ----------
    name : str
        ``<low pole>_<high pole>``.
    source : str
    feeling : ndarray (3,)
        Weights of `FEELINGS`.
    seen : mapping aspect -> (low, neutral, high)
    shown : mapping of a field of `Manner` -> (at the low pole, at the high pole)
    colour : ndarray (2, 3), optional
        At the poles.
    """

    name: str
    source: str
    feeling: np.ndarray
    seen: Mapping[str, tuple[float, float, float]]
    shown: Mapping[str, tuple[float, float]]
    colour: np.ndarray | None = None

    def place(self, affect: Affect) -> float:
        """Return where a feeling lies, -1..1."""
        felt = np.array([getattr(affect, name) for name in FEELINGS])
        return float(np.clip(self.feeling @ felt, -1.0, 1.0))


class Metaphors:
    """A table of metaphors (see config/metaphors.yaml).

    Parameters
    ----------
    metaphors : sequence of Metaphor
    """

    def __init__(self, metaphors: Sequence[Metaphor]) -> None:
        self._metaphors = tuple(metaphors)
        # (metaphor, aspect): the three positions; NaN where an aspect says nothing.
        self._seen = np.array([[m.seen.get(aspect, (np.nan,) * 3) for aspect in ASPECTS]
                               for m in self._metaphors])

    def __iter__(self):
        return iter(self._metaphors)

    def read(
        self, body: BodyExpression, explained: Mapping[str, float] = MappingProxyType({}),
    ) -> dict[str, float]:
        """Return where a body lies on each scale, -1..1, of which anything is known.

        Each aspect tells how far it has moved from neutral to a pole; half of a place is the mean
        of them, half what the plainest of them says.

        Parameters
        ----------
        body : BodyExpression
        explained : mapping aspect -> 0..1
            As for `FeltAffect.update`: a bow is no sinking.
        """
        body = replace(body, **{aspect: np.nan for aspect, share in explained.items()
                                if share > 0.5})
        seen = np.array([getattr(body, aspect, np.nan) for aspect in ASPECTS])
        come = body.torso_pitch - _LEVEL_GAZE * max(body.head_pitch, 0.0)
        # Who sinks into himself comes no nearer, but does not draw back either.
        seen[ASPECTS.index("lean")] = max(come, min(body.torso_pitch, 0.0))
        low, neutral, high = np.moveaxis(self._seen, 2, 0)
        moved = seen - neutral
        toward_high = moved * (high - neutral) > 0
        place = np.where(toward_high, moved / (high - neutral), -moved / (low - neutral))
        place = np.clip(place, -1.0, 1.0)
        known = np.isfinite(place)
        count = known.sum(axis=1)
        # Scales with one aspect of several known say less.
        told = np.isfinite(self._seen[:, :, 0]).sum(axis=1)
        means = np.nansum(place, axis=1) / np.maximum(np.maximum(count, 0.5 * told), 1)
        place = np.where(known, place, 0.0)
        rows = np.arange(len(place))
        plainest = place[rows, np.abs(place).argmax(axis=1)]
        places = 0.5 * (means + plainest)
        return {m.name: float(place) for m, place, n in zip(self._metaphors, places, count) if n}

    def picture(self, places: Mapping[str, float], affect: Affect | None = None) -> str:
        """Return the pole that is the plainest picture of a body, or an empty string.

        Parameters
        ----------
        places : mapping scale -> -1..1
            As `read` gives them, or their mean over some time.
        affect : Affect, optional
            What is felt; pictures of another feeling are left out.
        """
        fitting = {m.name: places[m.name] for m in self._metaphors if m.name in places
                   and (affect is None or np.sign(places[m.name]) * m.place(affect) > _MEANT)}
        name = max(fitting, key=lambda key: abs(fitting[key]), default="")
        if not name or abs(fitting[name]) < _PLAIN:
            return ""
        return name.split("_")[fitting[name] > 0]

    def manner(self, affect: Affect, strength: float = 1.0) -> Manner:
        """Return the manner in which somebody who feels so moves.

        Parameters
        ----------
        affect : Affect
        strength : float
            0..1: how much of it is shown.
        """
        added = dict.fromkeys(ADDED, 0.0)
        multiplied = dict.fromkeys(MULTIPLIED, 1.0)
        colour = None
        for metaphor in self._metaphors:
            place = float(np.clip(strength, 0.0, 1.0)) * metaphor.place(affect)
            for key, (low, high) in metaphor.shown.items():
                pole = high if place > 0 else low
                if key in added:
                    added[key] += abs(place) * pole
                else:
                    multiplied[key] *= pole ** abs(place)
            if metaphor.colour is not None:
                middle = metaphor.colour.mean(axis=0)
                red, green, blue = (middle + abs(place) * (
                    metaphor.colour[int(place > 0)] - middle)).tolist()
                colour = red, green, blue
        return Manner(**added, **multiplied, colour=colour)


def load_metaphors(path: str | Path | None = None) -> Metaphors:
    """Read a table of metaphors, by default that of the package.

    Raises
    ------
    MetaphorTableError
        If the file cannot be read or anything in it is not as it should be.
    """
    path = share_file("config/metaphors.yaml") if path is None else Path(path).expanduser()
    try:
        return metaphor_table(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise MetaphorTableError(f"cannot read {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise MetaphorTableError(f"{path} is not valid YAML: {error}") from error
    except MetaphorTableError as error:
        raise MetaphorTableError(f"{path}: {error}") from None


def metaphor_table(content: Any) -> Metaphors:
    """Return the table that the content of a file describes.

    Raises
    ------
    MetaphorTableError
        If anything in it is not as it should be.
    """
    content = _mapping(content, "the table", ("format", "metaphors"))
    if content.get("format") != 1:
        raise MetaphorTableError(f"format must be 1, not {content.get('format')!r}")
    table = _mapping(content.get("metaphors"), "metaphors")
    return Metaphors([_metaphor(str(name), entry) for name, entry in table.items()])


def _metaphor(name: str, entry: Any) -> Metaphor:
    where = f"metaphors.{name}"
    if len(name.split("_")) != 2 or not all(name.split("_")):
        raise MetaphorTableError(f"{where}: a scale is named after its poles, <low>_<high>")
    entry = _mapping(entry, where, ("source", "feeling", "seen", "shown"))
    if not str(entry.get("source") or "").strip():
        raise MetaphorTableError(f"{where} lacks its source")
    feeling = _mapping(entry.get("feeling"), f"{where}.feeling", FEELINGS)
    seen = {}
    for aspect, value in _mapping(entry.get("seen") or {}, f"{where}.seen", ASPECTS).items():
        low, neutral, high = _numbers(value, f"{where}.seen.{aspect}", 3, -10.0, 10.0)
        if not (low < neutral < high or low > neutral > high):
            raise MetaphorTableError(f"{where}.seen.{aspect}: neutral must lie between the poles, "
                                     f"not {value!r}")
        seen[aspect] = (low, neutral, high)
    shown: dict[str, tuple[float, float]] = {}
    colour = None
    for key, value in _mapping(entry.get("shown") or {}, f"{where}.shown",
                               (*_SHOWN, COLOUR)).items():
        if key == COLOUR:
            if not isinstance(value, list) or len(value) != 2:
                raise MetaphorTableError(f"{where}.shown.colour must be two colours")
            colour = np.array([_numbers(pole, f"{where}.shown.colour", 3, 0.0, 1.0)
                               for pole in value])
        else:
            low, high = (0.2, 3.0) if key in MULTIPLIED else (-1.0, 1.0)
            first, second = _numbers(value, f"{where}.shown.{key}", 2, low, high)
            shown[key] = first, second
    weights = np.array([_number(feeling.get(key, 0.0), f"{where}.feeling.{key}", -5.0, 5.0)
                        for key in FEELINGS])
    return Metaphor(name, str(entry["source"]), weights, MappingProxyType(seen),
                    MappingProxyType(shown), colour)
