"""Generates pictures, for an image model without a photograph from the user.

Like photographs and unlike noise, they have surfaces, edges, gradients and a little texture. On noise, a trained
network has much larger rounding errors than on its training data.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

SIDE = 16  # from which on a tensor [N, C, H, W] or [N, H, W, C] of 1 or 3 channels is a picture
CHANNELS = (1, 3)
OBJECTS = 14
TEXTURE = 0.02


def picture_layout(shape: tuple[int, ...]) -> str | None:
    """``nchw`` or ``nhwc`` where a tensor of that shape may hold pictures; ``None`` where it cannot."""
    if len(shape) != 4:
        return None
    if shape[1] in CHANNELS and min(shape[2:]) >= SIDE:
        return "nchw"
    return "nhwc" if shape[3] in CHANNELS and min(shape[1:3]) >= SIDE else None


def pictures(random: "np.random.Generator", shape: tuple[int, ...]) -> "Array":
    """Pictures of that shape, each another, float64, in 256 levels from 0 to 1."""
    import numpy as np

    layout = picture_layout(shape)
    channels = shape[1] if layout == "nchw" else shape[3]
    height, width = shape[2:] if layout == "nchw" else shape[1:3]
    made = np.stack([_picture(random, height, width, channels) for _ in range(shape[0])])
    return made.transpose(0, 3, 1, 2) if layout == "nchw" else made


def _picture(random: "np.random.Generator", height: int, width: int, channels: int) -> "Array":
    """A background that changes from corner to corner, rectangles and ellipses of one colour on it, and texture."""
    import numpy as np

    down, across = np.linspace(0, 1, height)[:, np.newaxis, np.newaxis], np.linspace(0, 1, width)[:, np.newaxis]
    corners = random.random((2, 2, channels))
    top, bottom = (corners[i, 0] * (1 - across) + corners[i, 1] * across for i in (0, 1))
    picture = top * (1 - down) + bottom * down
    for number in range(OBJECTS):
        middle, size = random.random(2), 0.04 + 0.25 * random.random(2)
        y, x = (down[..., 0] - middle[0]) / size[0], (across[:, 0] - middle[1]) / size[1]
        inside = (y * y + x * x < 1) if number % 2 else (np.maximum(abs(y), abs(x)) < 1)
        picture = np.where(inside[..., np.newaxis], random.random(channels), picture)
    picture = picture + TEXTURE * random.standard_normal(picture.shape)
    return np.asarray(np.rint(255 * np.clip(picture, 0, 1)) / 255)
