# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The landmark workers with the real models on real footage: found, revived, silent, mortal."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from mirror_robot.human.landmarks import BLENDSHAPES, POSE_INDEX
from mirror_robot.perception import wire
from mirror_robot.perception.assets import asset
from mirror_robot.perception.head_crop import head_of
from mirror_robot.perception.people import People
from mirror_robot.perception.sources import Frame
from mirror_robot.perception.tracking import BodyTracker
from mirror_robot.perception.workers import LandmarkWorker, WorkerError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
import footage

MODELS = {"pose": "pose_landmarker_full.task", "face": "face_landmarker.task"}


def _frames(clip: str, *indices: int) -> list[Frame]:
    capture, frames = cv2.VideoCapture(str(asset(clip))), []
    for index in range(max(indices) + 1):
        capture.grab()
        if index in indices:
            frames.append(Frame(index / 30, capture.retrieve()[1], index))
    return frames


class _Asked:
    """A worker that answers one image at a time."""

    def __init__(self, kind: str, **options):
        self.results: queue.Queue = queue.Queue()
        self.troubles: list[str] = []
        self.worker = LandmarkWorker(
            kind, asset(MODELS[kind]),
            lambda frame, values, seconds: self.results.put((frame.index, values)),
            self.troubles.append, **options)
        self.worker.wait_ready()

    def __call__(self, frame: Frame, *heads) -> np.ndarray:
        self.worker.offer(frame, *heads)
        index, values = self.results.get(timeout=30)
        assert index == frame.index
        return values


@pytest.fixture(scope="module")
def pose():
    asked = _Asked("pose")
    yield asked
    asked.worker.close()


@pytest.fixture(scope="module")
def face():
    asked = _Asked("face")
    yield asked
    asked.worker.close()


def _smile(found: list[wire.FaceLandmarks]) -> float:
    return float(found[0].blendshapes[BLENDSHAPES.index("mouthSmileLeft")])


def test_the_face_of_the_smile_clip_is_neutral_first_and_smiles_at_the_end(face):
    smiles = [_smile(wire.faces(face(frame)))
              for frame in _frames("single_face.mp4", 5, 6, 7, 60, 61, 62, 63)]
    assert smiles[2] < 0.3 < 0.6 < smiles[-1]


def test_the_dancer_is_found_with_raised_arms(pose):
    bodies = [wire.poses(pose(frame)) for frame in _frames("dancer.avi", 198, 199, 200)]
    assert all(len(body) == 1 for body in bodies)
    world = bodies[-1][0].world
    for side in ("left", "right"):  # y is down
        wrist, shoulder = (world[POSE_INDEX[f"{side}_{part}"], 1] for part in (
            "wrist", "shoulder"))
        assert wrist < shoulder - 0.2


def test_a_small_face_is_found_in_the_crop_at_the_head_and_lies_on_the_head(pose, face):
    for frame in _frames("dancer.avi", 60, 61, 62):
        height, width = frame.image.shape[:2]
        body = wire.poses(pose(frame))[0]
        assert not wire.faces(face(frame))
        found = wire.faces(face(frame, {0: head_of(body, height, width)}))
        assert found
        nose = body.image[POSE_INDEX["nose"], :2] * (width, height)
        head = head_of(body, height, width)[2]
        assert np.linalg.norm(found[0].image[1, :2] * (width, height) - nose) < 0.5 * head


def test_two_who_change_places_are_both_found_and_keep_their_ids():
    asked, people, courses = _Asked("pose", people=2), People(BodyTracker, 2), {}
    images = list(footage.crossing(120, (640, 360)))[:66]  # there, not back
    try:
        for number, image in enumerate(images):
            found = wire.poses(asked(Frame(number / 25, image, number)))
            for one in people(number / 25, found, 640 / 360):
                courses.setdefault(one.body.observation.id, []).append(
                    (number, float(one.pose.image[:, 0].mean())))
    finally:
        asked.worker.close()
    assert len(courses) == 2
    ends = sorted((round(way[0][1], 1), round(way[-1][1], 1)) for way in courses.values())
    assert ends == [(0.2, 0.8), (0.8, 0.2)]
    assert min(map(len, courses.values())) > 0.6 * len(images)  # one is hidden in between
    assert min(way[0][0] for way in courses.values()) == 0


def test_who_walks_out_of_the_image_is_gone_and_no_ghost_stays():
    asked, tracker, seen = _Asked("pose"), BodyTracker(), []
    images = list(footage.leaving(60))
    try:
        for number, image in enumerate(images):
            seen.append(tracker(
                number / 25, wire.poses(asked(Frame(number / 25, image, number)))) is not None)
    finally:
        asked.worker.close()
    there = [bool(footage.cut_out(image)[:, 60:-40].sum() > 500) for image in images]
    assert all(seen[:20]) and not any(seen[there.index(False) + 12:])


def test_an_image_without_a_face_gives_none(face):
    frame = Frame(0.0, np.full((240, 320, 3), 90, np.uint8), 1)
    assert wire.faces(face(frame)) == []


def test_images_may_change_their_size(pose):
    frame = _frames("dancer.avi", 200)[0]
    for scale in (1.0, 2.5, 0.5):
        image = cv2.resize(frame.image, None, fx=scale, fy=scale)
        pose(Frame(frame.stamp, image, 1))
        assert wire.poses(pose(Frame(frame.stamp, image, 2)))


def test_time_that_repeats_or_steps_back_does_no_harm(pose):
    image = _frames("dancer.avi", 200)[0].image
    for number, stamp in enumerate((50.0, 50.0, 3.0, 1e9, 3.03)):
        assert wire.poses(pose(Frame(stamp, image, number)))


def test_only_the_newest_image_is_looked_at(pose):
    image = _frames("dancer.avi", 200)[0].image
    dropped = pose.worker.dropped
    for number in range(10):
        pose.worker.offer(Frame(60.0 + number / 30, image, number))
    seen = [pose.results.get(timeout=30)[0]]
    while seen[-1] != 9:
        seen.append(pose.results.get(timeout=30)[0])
    assert len(seen) <= 3
    assert pose.worker.dropped - dropped == 10 - len(seen)


def test_a_worker_that_is_killed_is_started_again_and_said(pose):
    before, restarts = pose.worker.pid, pose.worker.restarts
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while pose.worker.restarts == restarts and time.monotonic() < deadline:
        time.sleep(0.02)
    pose.worker.wait_ready()
    assert pose.worker.pid != before
    assert "died (exit code -9)" in pose.troubles[-1]
    frame = _frames("dancer.avi", 200)[0]
    assert wire.poses(pose(frame))


def test_a_damaged_model_is_one_clear_error(tmp_path):
    model = tmp_path / "damaged.task"
    model.write_bytes(b"no model")
    worker = LandmarkWorker("face", model, lambda *result: None)
    try:
        with pytest.raises(WorkerError, match=r"damaged\.task does not start: .+"):
            worker.wait_ready()
    finally:
        worker.close()
    assert worker.pid is None


LONELY = """
import sys, time
from mirror_robot.perception.assets import asset
from mirror_robot.perception.workers import LandmarkWorker
workers = [LandmarkWorker(kind, asset(model), lambda *result: None)
           for kind, model in (("pose", "pose_landmarker_full.task"),
                               ("face", "face_landmarker.task"))]
for worker in workers:
    worker.wait_ready()
print(*[worker.pid for worker in workers], flush=True)
time.sleep(60)
"""


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_workers_die_with_their_parent_even_when_it_is_killed():
    parent = subprocess.Popen((sys.executable, "-c", LONELY), stdout=subprocess.PIPE, text=True)
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2 and not any(map(_gone, workers))
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 5
    while not all(map(_gone, workers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert all(map(_gone, workers))


TALKATIVE = """
import sys
import cv2
from mirror_robot.perception.assets import asset
from mirror_robot.perception.sources import Frame
from mirror_robot.perception.workers import LandmarkWorker
import threading
done = threading.Event()
worker = LandmarkWorker(
    "face", asset("face_landmarker.task"), lambda frame, values, seconds: done.set())
worker.wait_ready()
worker.offer(Frame(0.0, cv2.VideoCapture(str(asset("single_face.mp4"))).read()[1], 0))
assert done.wait(30)
worker.close()
"""


def test_a_worker_does_not_use_the_proxy_of_its_user():
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        names = ("http_proxy", "https_proxy", "all_proxy")
        environment = {**os.environ, **{name: address for name in names},
                       **{name.upper(): address for name in names}}
        subprocess.run((sys.executable, "-c", TALKATIVE), env=environment, check=True)
        proxy.settimeout(0.2)
        with pytest.raises(TimeoutError):
            proxy.accept()


@pytest.mark.skipif(not shutil.which("strace"), reason="strace shows what a process connects to")
def test_a_worker_contacts_nobody(tmp_path):
    log = tmp_path / "calls"
    done = subprocess.run(
        ("strace", "-f", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(log),
         sys.executable, "-c", TALKATIVE), check=False, capture_output=True, text=True)
    if "ptrace" in done.stderr.lower():
        pytest.skip("tracing is not permitted here")
    assert done.returncode == 0, done.stderr
    # Port 9 of this machine is the proxy that does not exist; it may be tried, and that is all.
    contacts = [line for line in log.read_text().splitlines() if "AF_INET" in line]
    assert [line for line in contacts if "htons(9)" not in line or '"127.0.0.1"' not in line] == []
