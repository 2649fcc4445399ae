# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Reads what was on the topics of the loop from a bag of `ros2 bag record`."""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image

from mirror_robot.demo.clips import Clip
from mirror_robot.demo.recorder import TOPICS, stamp_of
from mirror_robot.demo.recording import Recording, Run
from mirror_robot.perception.images import decode_image
from mirror_robot.reporting.stored import Session, SourceError

_IMAGES = ("human/annotated", "human/image", "human/annotated_raw")
"""Topics of pictures, best first; then any other image there is."""
_SPACING = 0.2
"""Least time between two pictures that are kept [s]."""
_OTHER_CLOCK = 5.0
"""Stamps that are farther from their arrival than this are of another clock [s]."""
_TRACKS = {topic: (track, kind, keep) for track, topic, kind, _, keep in TOPICS}


def is_bag(path: Path) -> bool:
    """Return whether `path` is a bag: a folder with metadata.yaml, or a file of a storage."""
    return (path / "metadata.yaml").is_file() or path.suffix in (".mcap", ".db3")


def _reader(path: Path) -> Any:
    try:
        from rosbags.rosbag2 import Reader
    except ImportError:
        raise SourceError("bags are read by the Python package rosbags: pip install rosbags"
                          ) from None
    folder = path.parent if path.suffix in (".mcap", ".db3") else path
    if not (folder / "metadata.yaml").is_file():
        raise SourceError(f"{folder} holds no metadata.yaml: ros2 bag reindex {folder} makes one")
    return Reader(folder)


def _namespaces(topics: set[str]) -> list[str]:
    """Return the namespaces in which a mirror or a perception spoke, such as ``/demo/``."""
    found = []
    for name in ("mirror/activation", "human/body", "human/face", "actuation/command"):
        found += [topic[:-len(name)] for topic in sorted(topics) if topic.endswith("/" + name)]
    return list(dict.fromkeys(found))


def _type_name(kind: type) -> str:
    return f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}"


_IMAGE_TYPES = {_type_name(kind): kind for kind in (Image, CompressedImage)}


def _jpeg(message: Image | CompressedImage) -> bytes | None:
    if isinstance(message, CompressedImage):
        return bytes(message.data)
    try:
        image = decode_image(
            message.data, message.encoding, message.height, message.width, message.step)
    except ValueError:
        return None
    good, data = cv2.imencode(".jpg", image)
    return data.tobytes() if good else None


def read_bag(
    path: Path, robot: str = "kagami", mirror_image: bool = True, namespace: str | None = None,
    progress: Callable[[float, float], None] = lambda done, of: None,
) -> Session:
    """Return what a bag holds of the loop, with pictures if there are any.

    Parameters
    ----------
    path : Path
        Folder of a bag (sqlite3 or mcap), or the file in it.
    robot : str
        Name or path of the robot's profile.
    mirror_image : bool
        Whether it moved like a reflection.
    namespace : str, optional
        Of the loop; by default the one that is found.
    progress : callable (done, of)

    Raises
    ------
    SourceError
        If it is no bag, or holds nothing of the loop or of more than one.
    """
    with contextlib.ExitStack() as stack:
        try:
            reader = stack.enter_context(_reader(path))
        except SourceError:
            raise
        except Exception as error:  # a damaged bag fails in as many ways as it has layers
            raise SourceError(f"{path} cannot be read as a bag: {error}") from None
        topics = {connection.topic for connection in reader.connections}
        spaces = _namespaces(topics)
        if namespace is not None:
            wanted = f"/{namespace.strip('/')}/".replace("//", "/")
            spaces = [space for space in spaces if space == wanted]
        if len(spaces) != 1:
            there = ", ".join(sorted(topics)) or "no topic at all"
            raise SourceError(
                f"{path} holds several loops: choose one with --namespace: {', '.join(spaces)}"
                if spaces else
                f"{path} holds none of mirror/activation, human/body, human/face"
                f"{f' below {namespace}' if namespace else ''}; it holds {there}")
        return _read(reader, spaces[0], path, robot, mirror_image, progress)


def _messages(
    reader: Any, kinds: Mapping[str, type], path: Path,
) -> Iterator[tuple[str, float, Any]]:
    """Yield (topic, arrival [s], message) of the topics in `kinds`, pictures only now and then."""
    # A topic of the same name and another type is not ours.
    wanted = [connection for connection in reader.connections
              if connection.topic in kinds
              and connection.msgtype == _type_name(kinds[connection.topic])]
    last = -np.inf
    try:
        for connection, nanoseconds, raw in reader.messages(connections=wanted):
            arrival, kind = nanoseconds * 1e-9, kinds[connection.topic]
            if kind in _IMAGE_TYPES.values():
                if arrival - last < _SPACING:
                    continue
                last = arrival
            yield connection.topic, arrival, deserialize_message(bytes(raw), kind)
    except Exception as error:  # as when it is opened
        raise SourceError(f"{path} is damaged: {error}") from None


def _read(
    reader: Any, space: str, path: Path, robot: str, mirror_image: bool,
    progress: Callable[[float, float], None],
) -> Session:
    images = {connection.topic: _IMAGE_TYPES[connection.msgtype]
              for connection in reader.connections if connection.msgtype in _IMAGE_TYPES}
    chosen = next((topic for name in _IMAGES if (topic := space + name) in images),
                  next(iter(sorted(images)), ""))
    kinds = {space + topic: kind for topic, (_, kind, _) in _TRACKS.items()}
    kinds["/diagnostics"] = DiagnosticArray
    if chosen:
        kinds[chosen] = images[chosen]
    recording, pictures, offset = Recording(), [], None
    begin = reader.start_time * 1e-9
    duration = max(reader.duration * 1e-9, 1e-3)
    for topic, arrival, message in _messages(reader, kinds, path):
        progress(arrival - begin, duration)
        if topic == "/diagnostics":
            for status in message.status:
                recording.hear_status(
                    arrival, status.name, int.from_bytes(status.level, "little"),
                    status.message, {pair.key: pair.value for pair in status.values})
            continue
        stamp = stamp_of(message)
        if stamp:
            if offset is None:  # stamps of a simulation's clock are put on the bag's
                offset = arrival - stamp if abs(arrival - stamp) > _OTHER_CLOCK else 0.0
            stamp += offset
        if topic == chosen:
            if (jpeg := _jpeg(message)) is not None:
                pictures.append((stamp or arrival, jpeg))
        else:
            track, _, keep = _TRACKS[topic.removeprefix(space)]
            try:
                recording.hear(track, arrival, stamp, keep(message))
            except ValueError:  # malformed: it was the loop's matter
                continue
    stamps = sorted({stamp for name in ("body", "face")
                     for stamp in recording.tracks[name].stamps})
    rate = (len(stamps) - 1) / (stamps[-1] - stamps[0]) if len(stamps) > 1 else 25.0
    clip = Clip(path.stem, path, rate, max(1, round(duration * rate)))
    return Session((Run(clip, recording, begin),), robot, mirror_image, str(path),
                   {clip.name: pictures})


def picture_at(pictures: list[tuple[float, bytes]], time: float, apart: float = 0.5,
               ) -> bytes | None:
    """Return the picture (JPEG) that is nearest to `time` [s], None if none is within `apart`."""
    row = bisect_left(pictures, (time,))
    near = min(pictures[max(0, row - 1):row + 1], key=lambda one: abs(one[0] - time),
               default=None)
    return near[1] if near is not None and abs(near[0] - time) <= apart else None
