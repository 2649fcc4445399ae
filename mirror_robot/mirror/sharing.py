# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Movements given from robot to robot: in human terms, as text, and only with both sides' consent.

What is given knows nothing of the giver's body; the taker binds it to its own. What comes from
elsewhere is not trusted: it is data, checked, and never anything that is executed.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from mirror_robot.motor.shown import Demonstration, Shown

EVERYTHING = "*"
"""In a list of names: whatever there is."""

_FORMAT = 1
_LARGEST = 2_000_000
_MOST_DEMONSTRATIONS, _MOST_FRAMES = 20, 3000
_SHAPES = {"times": (), "limbs": (6, 3), "torso": (3, 3), "head": (3, 3)}


class SharingError(ValueError):
    """A movement that another robot gave and that cannot be taken; says why."""


def agreed(name: str, names: str) -> bool:
    """Return whether somebody who lists `names`, with commas between them, agrees to `name`."""
    listed = [one.strip() for one in names.split(",")]
    return name in listed or EVERYTHING in listed


def unit_to_text(unit: Shown) -> str:
    """Return a movement as text (JSON); what is unknown is null."""
    return json.dumps({
        "format": _FORMAT, "name": unit.name, "meaning": unit.meaning,
        "demonstrations": [
            {field: _plain(getattr(shown, field)) for field in _SHAPES}
            | {"weight": shown.weight} for shown in unit.demonstrations]})


def _plain(values: np.ndarray) -> list[float | None]:
    flat = np.round(np.asarray(values, float).ravel(), 4)
    return [value if np.isfinite(value) else None for value in flat.tolist()]


def unit_from_text(text: str) -> Shown:
    """Return the movement that a text holds.

    Raises
    ------
    SharingError
        If it is none, too large, or holds what no body does; the message says what.
    """
    if len(text) > _LARGEST:
        raise SharingError(f"{len(text)} characters; at most {_LARGEST} are taken")
    try:
        data = json.loads(text)
        if data["format"] != _FORMAT:
            raise SharingError(f"format must be {_FORMAT}, not {data['format']!r}")
        shown = data["demonstrations"]
        if not 1 <= len(shown) <= _MOST_DEMONSTRATIONS:
            raise SharingError(f"{len(shown)} demonstrations; 1 to {_MOST_DEMONSTRATIONS} are "
                               "taken")
        demonstrations = tuple(
            Demonstration(**{field: _array(entry[field], field, len(entry["times"]))
                             for field in _SHAPES}, weight=float(entry.get("weight", 1.0)))
            for entry in shown)
        return Shown(str(data["name"]), demonstrations, str(data["meaning"])[:200])
    except SharingError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SharingError(f"it is no movement: {error}") from error


def _array(values: Any, field: str, count: int) -> np.ndarray:
    if count > _MOST_FRAMES:
        raise SharingError(f"{count} frames; at most {_MOST_FRAMES} are taken")
    array = np.array([np.nan if value is None else float(value) for value in values])
    array = array.reshape(count, *_SHAPES[field])
    if field == "times":
        if not np.isfinite(array).all():
            raise SharingError("a time is not finite")
        return array
    # Directions and the columns of rotations are unit vectors or unknown.
    length = np.linalg.norm(array, axis=2 if field == "limbs" else 1)
    if (np.abs(length[np.isfinite(length)] - 1.0) > 0.02).any() or np.isinf(array).any():
        raise SharingError(f"{field} holds directions that are no unit vectors")
    return array
