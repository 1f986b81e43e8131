"""All heads, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from bench.quality.heads.end_to_end import YOLOV10
from bench.quality.heads.faces import SCRFD, ULTRAFACE
from bench.quality.heads.fastestdet import FASTESTDET
from bench.quality.heads.head import Head
from bench.quality.heads.nanodet import NANODET, NANODET_PLUS
from bench.quality.heads.ssd import DETECTIONS, SSD, SSD_POSTPROCESSED
from bench.quality.heads.yolov5 import YOLOV5, YOLOV5_RAW
from bench.quality.heads.yolov8 import YOLOV8, YOLOV8_RAW
from bench.quality.heads.yolox import YOLOX, YOLOX_DECODED

HEADS: Mapping[str, Head] = MappingProxyType(
    {
        head.name: head
        for head in (
            YOLOX,
            YOLOX_DECODED,
            YOLOV5,
            YOLOV5_RAW,
            YOLOV8,
            YOLOV8_RAW,
            YOLOV10,
            SSD,
            SSD_POSTPROCESSED,
            DETECTIONS,
            FASTESTDET,
            NANODET,
            NANODET_PLUS,
            SCRFD,
            ULTRAFACE,
        )
    }
)
"""Name -> head, in the order in which docs/quality.md lists them."""
