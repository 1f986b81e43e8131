"""Qualcomm SoCs whose HTP (the NPU) the ``qnn`` plugin can compile for and emulate.

``soc_model`` numbers are ``Qnn_SocModel_t`` of the QNN SDK's QnnTypes.h. Each was compared with the context binary
that libQnnHtp 2.51 writes for it (``soc_type=SC8380XP;arch=73;relaxed_precision_flag=true``): part and number agree in
all rows, and so does the architecture, except that it compiles SM8475 and SSG2115P as v68. ``floating_point``: whether
QNN's validation accepts float operators; where not, it refuses each with error 3110. ``float_type``: what float32
graphs run in by default; ``float16`` where the context's ``relaxed_precision_flag`` is true.

Every row was compiled and run in the emulator: an int8 QDQ convolution on all, and MLPerf Tiny's float32 ResNet on the
HTP as a whole where ``floating_point``. SM8350 computes it in float32: the flag is false whatever is asked for, the
context is 385,024 bytes instead of 249,856, and outputs differ from the reference by 3e-7 (SA8295, v68 too: by 6e-4). A
float32 face detector of 118 nodes compiles for the others; for SM8350 finalising it ends with MEM_ALLOC.
"""

from difflib import get_close_matches

from msgspec import Struct

from bench.errors import InputError, UnknownName
from bench.words import sentence

QNN_TYPES = "QNN SDK QnnTypes.h; libQnnHtp 2.51 context binary"
EXECUTORCH = "pytorch/executorch backends/qualcomm/serialization/qc_schema.py; libQnnHtp 2.51 context binary"


class Soc(Struct, frozen=True):
    """One SoC. ``name`` is what users type; ``part`` is Qualcomm's part number; ``htp_arch`` the Hexagon version."""

    name: str
    marketing: str
    part: str
    soc_model: int
    htp_arch: int
    floating_point: bool
    source: str
    float_type: str = "float16"


SOCS = (
    Soc("snapdragon-x-elite", "Snapdragon X Elite", "SC8380XP", 60, 73, True, QNN_TYPES),
    Soc("snapdragon-x2-elite", "Snapdragon X2 Elite", "SC8480XP", 88, 81, True, QNN_TYPES),
    Soc("snapdragon-8cx-gen-3", "Snapdragon 8cx Gen 3", "SC8280X", 37, 68, False, QNN_TYPES),
    Soc("snapdragon-8-elite-gen-5", "Snapdragon 8 Elite Gen 5", "SM8850", 87, 81, True, EXECUTORCH),
    Soc("snapdragon-8-gen-5", "Snapdragon 8 Gen 5", "SM8845", 97, 81, True, EXECUTORCH),
    Soc("snapdragon-8-elite", "Snapdragon 8 Elite", "SM8750", 69, 79, True, EXECUTORCH),
    Soc("snapdragon-8-gen-3", "Snapdragon 8 Gen 3", "SM8650", 57, 75, True, EXECUTORCH),
    Soc("snapdragon-8-gen-2", "Snapdragon 8 Gen 2", "SM8550", 43, 73, True, EXECUTORCH),
    Soc("snapdragon-8-plus-gen-1", "Snapdragon 8+ Gen 1", "SM8475", 42, 69, True, EXECUTORCH),
    Soc("snapdragon-8-gen-1", "Snapdragon 8 Gen 1", "SM8450", 36, 69, True, EXECUTORCH),
    Soc("snapdragon-888", "Snapdragon 888", "SM8350", 30, 68, True, EXECUTORCH, "float32"),
    Soc("snapdragon-8s-gen-3", "Snapdragon 8s Gen 3", "SM8635", 68, 73, False, QNN_TYPES),
    Soc("snapdragon-8s-gen-4", "Snapdragon 8s Gen 4", "SM8735", 85, 73, False, QNN_TYPES),
    Soc("snapdragon-7-plus-gen-3", "Snapdragon 7+ Gen 3", "SM7675", 70, 73, False, QNN_TYPES),
    Soc("snapdragon-7-gen-3", "Snapdragon 7 Gen 3", "SM7550", 64, 73, False, QNN_TYPES),
    Soc("snapdragon-778g", "Snapdragon 778G", "SM7325", 35, 68, False, QNN_TYPES),
    Soc("qcs6490", "Dragonwing QCS6490", "QCS6490", 93, 68, False, EXECUTORCH),
    Soc("qcs8300", "Dragonwing QCS8300", "QCS8300", 82, 75, True, QNN_TYPES),
    Soc("qcs8550", "Dragonwing QCS8550", "QCS8550", 66, 73, True, QNN_TYPES),
    Soc("qcs9100", "Dragonwing QCS9100", "QCS9100", 77, 73, True, EXECUTORCH),
    Soc("sa8255", "Snapdragon automotive SA8255", "SA8255", 52, 73, True, EXECUTORCH),
    Soc("sa8295", "Snapdragon automotive SA8295", "SA8295", 39, 68, True, EXECUTORCH),
    Soc("sa8540", "Snapdragon automotive SA8540", "SA8540", 62, 68, True, EXECUTORCH),
    Soc("sa8797", "Snapdragon automotive SA8797", "SA8797", 72, 81, True, EXECUTORCH),
    Soc("sxr2230p", "Snapdragon XR2 Gen 2", "SXR2230P", 53, 69, True, EXECUTORCH),
    Soc("sxr2330p", "Snapdragon XR SXR2330P", "SXR2330P", 75, 79, True, EXECUTORCH),
    Soc("ssg2115p", "Snapdragon AR SSG2115P", "SSG2115P", 46, 73, False, EXECUTORCH),
)
DEFAULT = "snapdragon-x-elite"


def named(name: str) -> Soc:
    """The SoC that the user calls ``name``: its name here or its part number.

    Raises ``UnknownName`` with a suggestion only where the digits agree: another number is another chip, and no slip.
    """
    by_name = {soc.name: soc for soc in SOCS} | {soc.part.lower(): soc for soc in SOCS}
    if name.lower() in by_name:
        return by_name[name.lower()]
    what, hint = sentence("qnn.soc_option"), sentence("qnn.give_another_soc_by_number")
    alike = [known for known in by_name if _digits(known) == _digits(name)]
    if near := get_close_matches(name.lower(), alike, n=1, cutoff=0.5):
        raise UnknownName(what, name, near, hint)
    known = sentence("error.known", names=[soc.name for soc in SOCS])
    raise InputError(sentence("error.unknown", what=what, name=name), sentence("text.two", first=known, second=hint))


def _digits(name: str) -> str:
    return "".join(character for character in name if character.isdigit())


def numbered(soc_model: int) -> Soc | None:
    """The SoC with QNN's number ``soc_model``; ``None`` for one that is not in the table."""
    return next((soc for soc in SOCS if soc.soc_model == soc_model), None)


def chosen(options: dict[str, str], default: str | None) -> Soc | None:
    """The SoC that ``options`` mean: ``soc``, else ``soc_model``, else ``default``. Raises ``InputError``."""
    if "soc" in options:
        if "soc_model" in options or "htp_arch" in options:
            raise InputError(sentence("qnn.soc_given_twice"), sentence("qnn.give_soc_or_numbers"))
        return named(options["soc"])
    if "soc_model" in options:
        number = options["soc_model"]
        if not number.isdigit():
            raise InputError(
                sentence("target.option_not_whole_number", name="soc_model", value=number),
                sentence("target.write_for_example", name="soc_model", example=60),
            )
        return numbered(int(number))
    if "htp_arch" in options:
        return None
    return named(default) if default else None
