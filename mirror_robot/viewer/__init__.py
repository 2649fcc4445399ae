# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""The web page that shows live what the robot sees, feels and is about to do; no ROS in here."""
