# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""What is known of a person: landmarks, posture, face, filters."""
