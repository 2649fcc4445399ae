# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What all tests share: a ROS domain of their own, sample footage and models."""

from __future__ import annotations

import os

# One domain per test process and nothing beyond this machine, so that runs never hear each other.
os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
