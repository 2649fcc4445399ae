# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Keeps what was recorded of a demo in one file, so that a report can be made of it later."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mirror_robot.demo.clips import Clip
from mirror_robot.demo.recording import Recording, Run
from mirror_robot.human.observation import BodyObservation

FILE = "recording.json.gz"
"""Name of the file in the folder of a demo."""
_FORMAT = 1


class SourceError(ValueError):
    """A demo or bag of which no report can be made; says why."""


@dataclass(frozen=True)
class Session:
    """Some runs with the same robot.

    Attributes
    ----------
    runs : tuple of Run
    robot : str
        Name or path of its profile.
    mirror_image : bool
        Whether it moved like a reflection.
    source : str
        Where this comes from, for people.
    pictures : mapping clip -> list of (stamp, JPEG), optional
        Of a bag; the pictures of a demo are in its clips.
    """

    runs: tuple[Run, ...]
    robot: str
    mirror_image: bool
    source: str
    pictures: dict[str, list[tuple[float, bytes]]]


def _plain(value: Any) -> Any:
    """Return a value of a track as what JSON knows; numbers to a tenth of a millimetre."""
    if isinstance(value, BodyObservation):
        return {"stamp": value.stamp, "id": value.id, "landmarks": _plain(value.landmarks),
                "visibility": _plain(value.visibility)}
    if isinstance(value, np.ndarray):
        rounded = np.round(value.astype(float), 4)
        return np.where(np.isfinite(rounded), rounded, None).tolist()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return round(value, 4) if np.isfinite(value) else None
    return value


def _array(value: Any) -> np.ndarray:
    return np.array(value, float)  # None becomes NaN


def _value(track: str, plain: Any) -> Any:
    """Return a value as `Recording` describes it for the track."""
    if track == "body":
        return BodyObservation(plain["stamp"], plain["id"], _array(plain["landmarks"]),
                               _array(plain["visibility"]))
    if track == "pixels":
        return _array(plain)
    return tuple(plain) if isinstance(plain, list) else plain


def save_runs(
    path: Path, runs: Sequence[Run], robot: str, mirror_image: bool,
) -> None:
    """Write runs to a file; images are not in it."""
    data = {"format": _FORMAT, "robot": robot, "mirror_image": mirror_image, "runs": [{
        "clip": {"name": run.clip.name, "path": str(run.clip.path.resolve()),
                 "rate": run.clip.rate, "frames": run.clip.frames},
        "begin": run.begin, "status": run.recording.status, "statuses": run.recording.statuses,
        "tracks": {name: {"arrivals": track.arrivals, "stamps": track.stamps,
                          "values": [_plain(value) for value in track.values]}
                   for name, track in run.recording.tracks.items()},
    } for run in runs]}
    part = path.with_name(path.name + ".part")
    with gzip.open(part, "wt", encoding="utf-8", compresslevel=3) as file:
        json.dump(data, file)
    part.replace(path)


def load_runs(path: Path) -> Session:
    """Return what `save_runs` wrote.

    Raises
    ------
    SourceError
        If the file is damaged or of another version.
    OSError
        If it cannot be read.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            data = json.load(file)
        if data["format"] != _FORMAT:
            raise SourceError(f"{path} has format {data['format']}; this version reads {_FORMAT}")
        runs = tuple(_run(one) for one in data["runs"])
        return Session(runs, data["robot"], data["mirror_image"], str(path.parent), {})
    except (EOFError, gzip.BadGzipFile, KeyError, TypeError, UnicodeDecodeError,
            json.JSONDecodeError) as error:
        raise SourceError(f"{path} is damaged or no recording of a demo: {error!r}") from None


def _run(data: dict[str, Any]) -> Run:
    clip = data["clip"]
    recording = Recording(
        status=data["status"], statuses=[tuple(one) for one in data["statuses"]])
    for name, kept in data["tracks"].items():
        for arrival, stamp, value in zip(kept["arrivals"], kept["stamps"], kept["values"]):
            recording.tracks[name].add(arrival, stamp, _value(name, value))
    return Run(Clip(clip["name"], Path(clip["path"]), clip["rate"], clip["frames"]), recording,
               data["begin"])


def finite(value: Any) -> Any:
    """Return nested data with None for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
