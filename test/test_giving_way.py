# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The face gives way to the pose when both want the same processor, and only then."""

from __future__ import annotations

import numpy as np

from mirror_robot.perception.giving_way import GivingWay


def _rates(seconds: float, waiting: float, need: float, rate: float = 30.0) -> tuple[float, float]:
    """Return images a second for the second worker in the first and the last second.

    The first worker is behind as often as it must be when it needs `need` [s] an image.
    """
    share, free, given = GivingWay(), 0.0, []
    for number in range(int(seconds * rate)):
        now = number / rate
        behind = now < free - 1e-9
        if not behind:
            free = max(free, now) + need
        given.append((now, share(now, behind, waiting)))
    given = np.array(given)
    return tuple(given[(given[:, 0] >= begin) & (given[:, 0] < begin + 1.0), 1].sum()
                 for begin in (0.0, seconds - 1.0))


def test_while_the_pose_keeps_up_the_face_gets_every_image():
    assert _rates(3.0, waiting=0.5, need=0.02) == (30, 30)


def test_a_pose_that_is_slow_but_undisturbed_costs_the_face_no_more_than_its_own_images():
    assert _rates(3.0, waiting=0.02, need=0.06)[1] >= 14


def test_a_pose_in_want_of_a_processor_lowers_the_face_to_four_images_a_second_and_no_further():
    early, late = _rates(4.0, waiting=0.4, need=0.06)
    assert late < early and 3 <= late <= 5


def test_the_face_comes_back_when_the_load_has_gone():
    share = GivingWay()
    for number in range(60):
        share(number / 30, number % 2 == 1, 0.5)
    given = [share(2.0 + number / 30, False, 0.0) for number in range(150)]
    assert sum(given[:15]) < 10 and all(given[-30:])
