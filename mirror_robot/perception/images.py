# Copyright 2026 The mirror_robot authors. SPDX-License-Identifier: Apache-2.0
"""Pictures as ROS messages carry them, to plain BGR arrays."""

from __future__ import annotations

import cv2
import numpy as np

# encoding: (bytes of a pixel, conversion to BGR, or None where the bytes are BGR already)
_PACKED = {
    "bgr8": (3, None),
    "8UC3": (3, None),
    "rgb8": (3, cv2.COLOR_RGB2BGR),
    "bgra8": (4, cv2.COLOR_BGRA2BGR),
    "rgba8": (4, cv2.COLOR_RGBA2BGR),
    "mono8": (1, cv2.COLOR_GRAY2BGR),
    "8UC1": (1, cv2.COLOR_GRAY2BGR),
    # "yuv422" has its chroma first, "yuv422_yuy2" its luma; newer names say the order.
    "yuv422": (2, cv2.COLOR_YUV2BGR_UYVY),
    "uyvy": (2, cv2.COLOR_YUV2BGR_UYVY),
    "yuv422_yuy2": (2, cv2.COLOR_YUV2BGR_YUY2),
    "yuyv": (2, cv2.COLOR_YUV2BGR_YUY2),
    # OpenCV names a Bayer pattern by its second row, ROS by its first.
    "bayer_rggb8": (1, cv2.COLOR_BayerBG2BGR),
    "bayer_bggr8": (1, cv2.COLOR_BayerRG2BGR),
    "bayer_gbrg8": (1, cv2.COLOR_BayerGR2BGR),
    "bayer_grbg8": (1, cv2.COLOR_BayerGB2BGR),
}

ENCODINGS = (*_PACKED, "nv12", "nv21")
"""The encodings of sensor_msgs/Image that `decode_image` reads."""


def decode_image(
    data: bytes | np.ndarray, encoding: str, height: int, width: int, step: int,
) -> np.ndarray:
    """Return the BGR picture in the data of a sensor_msgs/Image.

    Parameters
    ----------
    data : bytes-like
        `height` rows of `step` bytes; half as many rows again, of chroma, for nv12 and nv21. What
        a row holds beyond its pixels is padding and is ignored.
    encoding : str
        One of `ENCODINGS`.
    height, width : int
        [pixels]
    step : int
        Length of a row [bytes].

    Returns
    -------
    ndarray (height, width, 3) uint8

    Raises
    ------
    ValueError
        If the encoding is unknown, the picture is empty, or the data is too short.
    """
    if encoding not in ENCODINGS:
        raise ValueError(
            f"image encoding {encoding!r} is not one of {', '.join(sorted(ENCODINGS))}")
    if height < 1 or width < 1:
        raise ValueError(f"an empty image ({width}x{height})")
    planar = encoding in ("nv12", "nv21")
    rows = height + height // 2 if planar else height
    if (planar and height % 2) or ((planar or encoding.startswith(("yu", "uy"))) and width % 2):
        raise ValueError(f"an {encoding} image of {width}x{height} cannot be: chroma is halved")
    pixel, conversion = (1, None) if planar else _PACKED[encoding]
    if step < width * pixel:
        raise ValueError(f"rows of {step} bytes are too short for {width} pixels of {encoding}")
    flat = np.frombuffer(data, np.uint8)
    # The last row may come without its padding.
    if flat.size < (rows - 1) * step + width * pixel:
        raise ValueError(
            f"a truncated image: {flat.size} bytes, {rows} rows of {step} bytes announced")
    if flat.size < rows * step:
        flat = np.pad(flat, (0, rows * step - flat.size))
    image = flat[:rows * step].reshape(rows, step)[:, :width * pixel]
    if planar:
        conversion = cv2.COLOR_YUV2BGR_NV12 if encoding == "nv12" else cv2.COLOR_YUV2BGR_NV21
    elif pixel > 1:
        image = image.reshape(height, width, pixel)
    image = np.ascontiguousarray(image)
    return image if conversion is None else cv2.cvtColor(image, conversion)


def decode_compressed(data: bytes | np.ndarray) -> np.ndarray:
    """Return the BGR picture in the data of a sensor_msgs/CompressedImage (jpeg, png, ...).

    Returns
    -------
    ndarray (h, w, 3) uint8

    Raises
    ------
    ValueError
        If the data is empty or no picture.
    """
    flat = np.frombuffer(data, np.uint8)
    try:
        image = cv2.imdecode(flat, cv2.IMREAD_COLOR) if flat.size else None
    except cv2.error:
        image = None
    if image is None:
        raise ValueError(f"a compressed image of {flat.size} bytes that cannot be decoded")
    return image
