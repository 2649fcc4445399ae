# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""A physics robot that offers what a ros2_control robot offers."""
