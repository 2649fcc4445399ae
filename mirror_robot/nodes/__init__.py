# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""ROS 2 nodes: parameters, topics, services and diagnostics; no algorithms."""
