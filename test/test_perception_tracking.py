# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""From landmarks to observations: frames, visibility, identity, heads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mirror_robot.human.landmarks import BLENDSHAPES, POSE_INDEX
from mirror_robot.perception.head_crop import HeadCrop, HeadCrops, crop, head_of, uncrop
from mirror_robot.perception.level import Level
from mirror_robot.perception.tracking import BodyTracker, FaceTracker
from mirror_robot.perception.wire import FaceLandmarks, PoseLandmarks

STANDING = {  # x to the front, y to the left, z up [m] from mid-hip
    "nose": (0.1, 0.0, 0.6), "left_shoulder": (0.0, 0.18, 0.45),
    "right_shoulder": (0.0, -0.18, 0.45), "left_elbow": (0.0, 0.45, 0.45),
    "right_elbow": (0.0, -0.2, 0.18), "left_wrist": (0.25, 0.45, 0.45),
    "right_wrist": (0.0, -0.2, -0.05), "left_hip": (0.0, 0.11, 0.0),
    "right_hip": (0.0, -0.11, 0.0), "left_knee": (0.0, 0.11, -0.4),
    "right_knee": (0.0, -0.11, -0.4),
}
NAMED = [POSE_INDEX[name] for name in STANDING]
POINTS = np.array(list(STANDING.values()))


def _turn(angle: float) -> np.ndarray:
    return np.array([
        [np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])


def _seen(heading: float = 0.0, pitch: float = 0.0, **changes) -> PoseLandmarks:
    """Return what a camera that looks down by `pitch` sees of STANDING, turned by `heading`."""
    body = np.zeros((33, 3))
    body[NAMED] = POINTS
    x, y, z = (body @ _turn(heading).T).T  # upright camera: x toward the camera, y right, z up
    away, down = -x, -z
    world = np.column_stack([
        y, np.cos(pitch) * down - np.sin(pitch) * away,
        np.sin(pitch) * down + np.cos(pitch) * away])
    image = np.full((33, 3), 0.5)
    return replace(PoseLandmarks(image, world, np.ones(33), np.ones(33)), **changes)


@pytest.mark.parametrize("heading", [0.0, 0.7, -1.5, 3.0])
@pytest.mark.parametrize("pitch", [0.0, 0.4])
def test_the_body_frame_is_the_same_wherever_the_person_faces(heading, pitch):
    tracked = BodyTracker(level=Level(pitch, learn=False))(0.0, [_seen(heading, pitch)])
    np.testing.assert_allclose(tracked.observation.landmarks[NAMED], POINTS, atol=1e-9)
    assert tracked.heading == pytest.approx(heading)


def test_noise_in_depth_does_not_make_the_body_spin():
    tracker, random = BodyTracker(), np.random.default_rng(1)
    headings = []
    for number in range(90):
        world = _seen().world + random.normal(size=(33, 3)) * (0.0, 0.0, 0.03)
        headings.append(tracker(number / 30, [_seen(world=world)]).heading)
    assert np.degrees(np.std(headings[30:])) < 3.0
    assert np.degrees(np.abs(np.diff(headings)).max()) < 5.0


def test_a_person_who_turns_around_is_followed_through_the_back():
    tracker = BodyTracker()
    for number in range(120):
        tracked = tracker(number / 30, [_seen(0.06 * number)])
    for number in range(120, 180):
        tracked = tracker(number / 30, [_seen(0.06 * 120)])
    assert tracked.heading == pytest.approx(0.06 * 120, abs=0.1)


def test_nobody_gives_nothing():
    assert BodyTracker()(0.0, []) is None


def test_a_ghost_that_is_nowhere_visible_gives_nothing():
    tracker = BodyTracker()
    tracker(0.0, [_seen()])
    results = [tracker(number / 30, [_seen(visibility=np.full(33, 0.05))])
               for number in range(1, 10)]
    assert results[-1] is None


def _hidden(name: str, value: float = 0.02) -> np.ndarray:
    visibility = np.ones(33)
    visibility[POSE_INDEX[name]] = value
    return visibility


def test_a_hidden_wrist_is_unknown_within_a_third_of_a_second_and_comes_back_as_fast():
    tracker, wrist = BodyTracker(), POSE_INDEX["left_wrist"]
    known = []
    for number in range(60):
        hidden = 20 <= number < 40
        pose = _seen(visibility=_hidden("left_wrist")) if hidden else _seen()
        body = tracker(number / 30, [pose]).observation
        known.append(np.isfinite(body.landmarks[wrist]).all())
        assert (body.visibility[wrist] == 0) == (not known[-1])
    assert all(known[:20]) and not any(known[29:40]) and all(known[49:])


def test_a_landmark_that_flickers_for_one_image_stays_known():
    tracker, wrist = BodyTracker(), POSE_INDEX["left_wrist"]
    for number in range(60):
        visibility = _hidden("left_wrist", 0.1) if number % 10 == 9 else np.ones(33)
        tracked = tracker(number / 30, [_seen(visibility=visibility)])
        assert np.isfinite(tracked.observation.landmarks[wrist]).all()


def test_a_landmark_outside_the_image_is_unknown():
    image = np.full((33, 3), 0.5)
    image[POSE_INDEX["left_wrist"], 1] = 1.2
    body = BodyTracker()(0.0, [_seen(image=image)]).observation
    assert np.isnan(body.landmarks[POSE_INDEX["left_wrist"]]).all()
    assert np.isfinite(body.landmarks[POSE_INDEX["right_wrist"]]).all()


def test_landmarks_that_are_not_finite_are_not_taken_in():
    tracker = BodyTracker()
    tracker(0.0, [_seen()])
    assert tracker(0.03, [_seen(world=np.full((33, 3), np.nan))]) is None
    assert np.isfinite(tracker(0.06, [_seen()]).observation.landmarks[NAMED]).all()


def test_a_short_loss_keeps_the_id_and_a_long_one_gives_a_new_one():
    tracker = BodyTracker(keep_id=1.0)
    first = tracker(0.0, [_seen()]).observation.id
    assert tracker(0.9, [_seen()]).observation.id == first
    assert tracker(2.5, [_seen()]).observation.id != first


def test_time_that_steps_back_begins_anew_and_goes_on():
    tracker = BodyTracker()
    first = tracker(100.0, [_seen()]).observation
    again = tracker(3.0, [_seen(0.5)]).observation
    assert again.id != first.id
    np.testing.assert_allclose(again.landmarks[NAMED], POINTS, atol=1e-9)


# Faces

def _turned(yaw: float, pitch: float = 0.0) -> np.ndarray:
    """Return the matrix of a head turned to the person's left and down (degrees)."""
    yaw, pitch = np.radians([yaw, pitch])
    about_up = np.array([
        [np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_left = np.array([
        [1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_up @ about_left
    return matrix


def _face(matrix: np.ndarray | None = None, height: float = 0.5) -> FaceLandmarks:
    image = np.random.default_rng(0).normal(size=(478, 3)) * 0.05
    image += (0.5, height - image[:, 1].mean(), 0.0)
    return FaceLandmarks(
        image, np.linspace(0, 1, 52), _turned(0.0) if matrix is None else matrix)


def _looked(face: FaceLandmarks, **options) -> np.ndarray:
    return FaceTracker(confirm=1, **options)(0.0, [face], 480, 640).head


def test_a_head_that_looks_into_the_camera_is_not_turned():
    np.testing.assert_allclose(_looked(_face()), np.eye(3), atol=1e-6)


def test_of_a_face_too_small_to_be_read_only_the_head_is_told():
    face = _face()
    small = FaceLandmarks(0.5 + 0.05 * (face.image - 0.5), face.blendshapes, face.matrix)
    found = FaceTracker(confirm=1)(0.0, [small], 480, 640)
    assert found.coefficients == {}
    assert found.head is not None
    assert FaceTracker(confirm=1)(0.0, [face], 480, 640).coefficients


def test_a_head_turned_to_the_persons_left_looks_along_positive_y():
    front = _looked(_face(_turned(30.0)))[:, 0]
    np.testing.assert_allclose(front, [np.cos(np.pi / 6), 0.5, 0.0], atol=1e-6)


def test_a_head_that_looks_down_looks_along_negative_z():
    front = _looked(_face(_turned(0.0, 20.0)))[:, 0]
    np.testing.assert_allclose(np.degrees(np.arcsin(front[2])), -20.0, atol=1e-4)


def test_who_looks_into_a_camera_that_looks_down_looks_up():
    front = _looked(_face(), camera_pitch=np.radians(15.0))[:, 0]
    np.testing.assert_allclose(np.degrees(np.arcsin(front[2])), 15.0, atol=1e-4)


def test_who_looks_into_the_camera_from_above_its_axis_looks_down():
    front = _looked(_face(height=0.0), vertical_fov=np.radians(40.0))[:, 0]
    np.testing.assert_allclose(np.degrees(np.arcsin(front[2])), -20.0, atol=1e-4)


def test_a_face_counts_from_the_third_image_on():
    tracker = FaceTracker()
    seen = [tracker(number / 30, [_face()] if number != 4 else [], 480, 640)
            for number in range(8)]
    assert [face is not None for face in seen] == [
        False, False, True, True, False, False, False, True]


def test_a_face_carries_blendshapes_and_measures_of_its_shape():
    face = FaceTracker(confirm=1)(0.0, [_face()], 480, 640)
    assert set(BLENDSHAPES) < set(face.coefficients)
    assert "lipOpening" in face.coefficients
    assert all(np.isfinite(value) for value in face.coefficients.values())


# Bodies that lean because of the camera; landmarks that no body has

# The middle of the feet is under the body; ankles are behind it.
STANCE = {**STANDING, **{
    f"{side}_{point}": (x, sign * 0.11, z) for side, sign in (("left", 1), ("right", -1))
    for point, x, z in (("ankle", -0.04, -0.8), ("heel", -0.09, -0.86),
                        ("foot_index", 0.085, -0.86))}}


def _stands(pitch: float, **moved) -> PoseLandmarks:
    body = np.zeros((33, 3))
    for name, place in {**STANCE, **moved}.items():
        body[POSE_INDEX[name]] = place
    x, y, z = body.T
    away, down = -x, -z
    return _seen(world=np.column_stack([
        y, np.cos(pitch) * down - np.sin(pitch) * away,
        np.sin(pitch) * down + np.cos(pitch) * away]))


def _trunk_lean(tracked) -> float:
    at = tracked.observation.landmarks
    up = at[_SHOULDER_ROWS].mean(axis=0) - at[_HIP_ROWS].mean(axis=0)
    return float(np.degrees(np.arctan2(up[0], up[2])))


_SHOULDER_ROWS = [POSE_INDEX["left_shoulder"], POSE_INDEX["right_shoulder"]]
_HIP_ROWS = [POSE_INDEX["left_hip"], POSE_INDEX["right_hip"]]


def test_who_stands_upright_before_a_tilted_camera_is_upright_within_seconds():
    tracker = BodyTracker(level=Level())
    for number in range(120):
        tracked = tracker(number / 30, [_stands(np.radians(11.0))])
    assert abs(_trunk_lean(tracked)) < 1.5


def test_a_moment_of_leaning_moves_a_settled_level_little():
    level = Level()
    for number in range(900):
        level(number / 30, _stands(np.radians(5.0)).world, np.ones(33, bool))
    settled = level.tilt
    for number in range(900, 960):
        level(number / 30, _stands(np.radians(13.0)).world, np.ones(33, bool))
    assert np.degrees(settled) == pytest.approx(5.0, abs=0.7)
    assert 0 < np.degrees(level.tilt - settled) < 1.0


def test_who_bows_or_sits_does_not_tilt_the_camera():
    bent = {"left_shoulder": (0.4, 0.18, 0.2), "right_shoulder": (0.4, -0.18, 0.2)}
    seated = {"left_knee": (0.4, 0.11, 0.0), "right_knee": (0.4, -0.11, 0.0),
              "left_ankle": (0.4, 0.11, -0.4), "right_ankle": (0.4, -0.11, -0.4)}
    level = Level()
    for number in range(90):
        pose = _stands(0.0, **(bent if number < 45 else seated))
        level(number / 30, pose.world, np.ones(33, bool))
    assert level.tilt == 0.0


def test_a_fixed_level_is_not_learnt():
    level = Level(0.1, learn=False)
    for number in range(90):
        level(number / 30, _stands(0.3).world, np.ones(33, bool))
    assert level.tilt == 0.1


def test_sides_that_swap_for_some_images_are_swapped_back():
    tracker, rows = BodyTracker(), [POSE_INDEX["left_elbow"], POSE_INDEX["right_elbow"]]
    swap = np.arange(33)
    for name, row in POSE_INDEX.items():
        other = name.replace("left", "*").replace("right", "left").replace("*", "right")
        swap[row] = POSE_INDEX[other]
    ways = []
    for number in range(40):
        pose = _seen()
        if 20 <= number < 25:
            pose = replace(pose, world=pose.world[swap])
        ways.append(tracker(number / 30, [pose]).observation.landmarks[rows])
    assert np.abs(np.diff(ways, axis=0)).max() < 0.02


def test_a_person_who_has_really_turned_round_is_believed():
    tracker = BodyTracker()
    for number in range(90):
        tracked = tracker(number / 30, [_seen(0.0 if number < 20 else np.pi)])
    assert abs(np.cos(tracked.heading) + 1) < 0.05


@pytest.mark.parametrize("place", [(0.0, 2.0, 0.45), (0.0, 0.46, 0.45)])
def test_a_forearm_that_outgrows_itself_is_unknown_until_it_is_right_again(place):
    tracker, wrist, known = BodyTracker(), POSE_INDEX["left_wrist"], []
    for number in range(140):
        wrong = 80 <= number < 110
        pose = _stands(0.0, left_wrist=place) if wrong else _stands(0.0)
        body = tracker(number / 30, [pose]).observation
        known.append(np.isfinite(body.landmarks[wrist]).all())
    assert all(known[:80]) and not any(known[89:110]) and all(known[119:])


def test_an_elbow_folded_flat_is_impossible():
    tracker, wrist = BodyTracker(), POSE_INDEX["left_wrist"]
    for number in range(15):
        body = tracker(number / 30, [_stands(0.0, left_wrist=(0.0, 0.2, 0.45))]).observation
    assert np.isnan(body.landmarks[wrist]).all()


# Where the face is looked for

def test_landmarks_of_a_crop_come_back_to_the_image():
    region, height, width = (200.0, 90.0, 64.0), 240, 320
    image = np.zeros((height, width, 3), np.uint8)
    image[88:92, 208:212] = 255
    rows, columns = np.nonzero(crop(image, region)[..., 0] > 128)
    seen = np.array([[(columns.mean() + 0.5) / 256, (rows.mean() + 0.5) / 256, 0.1]])
    back = uncrop(seen, region, height, width)[0] * (width, height, width)
    np.testing.assert_allclose(back, (210.0, 90.0, 6.4), atol=0.6)


class _Detector:
    """Finds a face only in what is enlarged, as with a person far away."""

    def __init__(self):
        self.whole = self.crops = 0

    def __call__(self, image):
        if image.shape[:2] == (256, 256):
            self.crops += 1
            return ["face"]
        self.whole += 1
        return []


IMAGE = np.zeros((480, 640, 3), np.uint8)


def test_the_whole_image_comes_first_and_the_crop_only_after_it():
    detector = _Detector()
    look = HeadCrop(detector)
    assert look(IMAGE, (np.nan,) * 3) == ([], None)
    found, region = look(IMAGE, (300.0, 100.0, 20.0))
    assert found and region is not None
    assert (detector.whole, detector.crops) == (2, 1)


def test_the_crop_stands_still_while_the_head_moves_a_little_and_then_follows():
    look = HeadCrop(_Detector())
    _, first = look(IMAGE, (300.0, 100.0, 20.0))
    _, second = look(IMAGE, (306.0, 98.0, 21.0))
    _, third = look(IMAGE, (340.0, 98.0, 21.0))
    assert second == first
    assert third[0] == 340.0


def test_a_head_that_fills_the_image_is_not_cropped():
    detector = _Detector()
    _, region = HeadCrop(detector)(IMAGE, (300.0, 200.0, 150.0))
    assert region is None and detector.crops == 0


def test_a_head_outside_the_image_is_not_looked_for():
    image = np.full((33, 3), 0.5)
    image[0, 0] = -0.1
    assert np.isnan(head_of(_seen(image=image), 480, 640)).all()


class _Crowd:
    """People in an image, and detectors that see the brightest in what they are shown."""

    def __init__(self, **people: tuple[int, int, int]):
        self.image = np.zeros((480, 640, 3), np.uint8)
        for x, y, bright in people.values():
            self.image[y - 5:y + 5, x - 5:x + 5] = bright
        self.detectors = self.whole = 0

    def make(self):
        self.detectors += 1
        return self.detect

    def detect(self, image):
        if not image.any():
            return []
        rows, columns = np.nonzero(image[..., 0] > 0.8 * image.max())
        return [(columns.mean() / image.shape[1], rows.mean() / image.shape[0])]

    def find_whole(self, image):
        self.whole += 1
        return self.detect(image)

    def crops(self) -> HeadCrops:
        return HeadCrops(self.make, self.find_whole, lambda found: found)


def _places(found) -> list[tuple[int, int]]:
    return [tuple(np.round((np.array(place) - 0.5) * region[2] + region[:2]).astype(int))
            for place, region in found]


def test_each_of_several_people_has_a_crop_of_their_own():
    crowd = _Crowd(a=(100, 100, 255), b=(500, 200, 120))
    look = crowd.crops()
    heads = {0: (101.0, 99.0, 20.0), 1: (499.0, 201.0, 20.0)}
    for _ in range(3):
        np.testing.assert_allclose(
            _places(look(crowd.image, heads)), [(100, 100), (500, 200)], atol=1)
    look(crowd.image, {1: heads[1]})
    look(crowd.image, heads)
    assert crowd.detectors == 2 and crowd.whole == 0  # a detector that is free is used again


def test_a_neighbours_face_is_not_taken_for_ones_own():
    crowd = _Crowd(a=(100, 100, 255), b=(132, 100, 120))
    look = crowd.crops()
    heads = {1: (132.0, 100.0, 20.0)}
    assert look(crowd.image, heads) == []  # the brighter neighbour is in the crop, too
    np.testing.assert_allclose(_places(look(crowd.image, heads)), [(132, 100)], atol=1)


def test_while_no_head_is_known_the_whole_image_is_looked_at():
    crowd = _Crowd(a=(100, 100, 255))
    assert crowd.crops()(crowd.image, {0: (np.nan,) * 3}) == [
        (crowd.detect(crowd.image)[0], None)]
