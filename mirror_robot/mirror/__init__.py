# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Motor units that fire when seen and when done; intention, affect and words."""
