"""OpenVINO with defects: it misreads what it is fed. Loaded with --plugin by the tests."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.contracts import OpenRequest, Phase, Tensors
from bench.targets.openvino.target import OpenVino


class Misreading(OpenVino):
    """Feeds what ``misread`` makes of each input."""

    misread: Callable[[Any], Any]

    def open(self, request: OpenRequest, phase: Phase) -> Any:
        session: Any = super().open(request, phase)
        bind, misread = session.bind, type(self).misread

        def misreading(feeds: Tensors) -> Callable[[], None]:
            found: Callable[[], None] = bind({name: np.ascontiguousarray(misread(a)) for name, a in feeds.items()})
            return found

        session.bind = misreading
        return session


class Swapping(Misreading):
    """``swapping:CPU``: the colour channels in the wrong order."""

    misread = staticmethod(lambda array: array[..., ::-1])


class Shifting(Misreading):
    """``shifting:CPU``: signed bytes taken for unsigned ones, so that the zero point is 128 off."""

    misread = staticmethod(lambda array: (array.view(np.uint8) ^ 128).view(array.dtype))


PLUGINS = {"targets": {"swapping": Swapping, "shifting": Shifting}}
