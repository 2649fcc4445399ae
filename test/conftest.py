# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What all tests share: a ROS domain of their own, and nothing of the user's own data."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

# One domain per test process and nothing beyond this machine, so that runs never hear each other.
os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

# Movements that the user taught and memories that the robot has are neither seen nor touched.
# rclpy's wheels start the interpreter anew, which must not make a second folder.
if "MIRROR_ROBOT_TEST_DATA" not in os.environ:
    os.environ["MIRROR_ROBOT_TEST_DATA"] = tempfile.mkdtemp(prefix="mirror_robot_test_")
_data = os.environ["MIRROR_ROBOT_TEST_DATA"]
os.environ["XDG_DATA_HOME"] = _data
for _name in ("MIRROR_ROBOT_DATA", "MIRROR_ROBOT_MEMORY"):
    os.environ.pop(_name, None)
atexit.register(shutil.rmtree, _data, ignore_errors=True)
