# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Films of several people, put together from the sample clips; for the other benchmarks.

The sample clips show one person each. The dancer stands before a blue screen, so that she can be
cut out and walk through any picture, twice, in front of herself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mirror_robot.perception.assets import asset


def frames(clip: str, count: int, size: tuple[int, int] | None = None) -> list[np.ndarray]:
    """Return the first images of a sample clip, BGR; scaled to `size` (width, height) [pixels]."""
    capture, out = cv2.VideoCapture(str(asset(clip))), []
    while len(out) < count and capture.grab():
        image = capture.retrieve()[1]
        out.append(image if size is None else cv2.resize(image, size))
    return out


def cut_out(image: np.ndarray) -> np.ndarray:
    """Return how much of each pixel (h, w, 1) of an image of the dancer is her, 0..1."""
    blue, green, red = (plane.astype(float) for plane in cv2.split(image))
    key = 1.0 - np.clip((blue - np.maximum(green, red) - 25.0) / 40.0, 0.0, 1.0)
    key[:20], key[:, :60], key[:, -40:] = 0.0, 0.0, 0.0  # the edge of the recording
    return key[..., None]


def crossing(count: int, size: tuple[int, int] = (960, 540)) -> Iterator[np.ndarray]:
    """Yield images in which two people dance and change places, one passing before the other.

    Both are the dancer of the sample clip, one of them 12 s later and mirrored.

    Parameters
    ----------
    count : int
        Of images, at 25 Hz.
    size : tuple (width, height)
        [pixels]
    """
    width, height = size
    clip = frames("dancer.avi", count + 300)
    ground = cv2.resize(clip[0][:, :60], size)
    for number in range(count):
        image = ground.astype(float)
        share = 0.5 - 0.5 * np.cos(2.0 * np.pi * number / max(count - 1, 1))  # there and back
        for person, place, tall in (
                (clip[number + 300][:, ::-1], 0.78 - 0.56 * share, 0.85),
                (clip[number], 0.22 + 0.56 * share, 1.0)):
            person = cv2.resize(person, None, fx=tall * height / person.shape[0],
                                fy=tall * height / person.shape[0])
            key = cut_out(person)
            top, left = height - person.shape[0], round(place * width - person.shape[1] / 2)
            first, last = max(left, 0), min(left + person.shape[1], width)
            part = np.s_[:, first - left:last - left]
            spot = image[top:, first:last]
            spot += key[part] * (person[part] - spot)
        yield image.astype(np.uint8)


def leaving(count: int, size: tuple[int, int] = (640, 480)) -> Iterator[np.ndarray]:
    """Yield images in which somebody stands and then walks out of the image to the right.

    Parameters
    ----------
    count : int
        Of images; in the second half of the last third nobody is there any more.
    size : tuple (width, height)
        [pixels]
    """
    width, height = size
    clip = frames("dancer.avi", count)
    ground = cv2.resize(clip[0][:, :60], size)
    for number, person in enumerate(clip):
        image = ground.astype(float)
        person = cv2.resize(person, None, fx=height / person.shape[0], fy=height / person.shape[0])
        walked = min(max(number / count - 1 / 3, 0.0) * 2.0, 1.0)
        left = round((0.5 + 0.75 * walked) * width - person.shape[1] / 2)
        last = min(left + person.shape[1], width)
        if left < last:
            part = np.s_[:, max(-left, 0):last - left]
            spot = image[:, max(left, 0):last]
            spot += cut_out(person)[part] * (person[part] - spot)
        yield image.astype(np.uint8)


def write(path: Path, images: Iterator[np.ndarray] | list[np.ndarray], rate: float = 25.0) -> Path:
    """Write images as a film; return its path."""
    writer = None
    for image in images:
        if writer is None:
            writer = cv2.VideoWriter(
                str(path), cv2.VideoWriter_fourcc(*"MJPG"), rate, image.shape[1::-1])
        writer.write(image)
    writer.release()
    return path
