"""Android devices over the command line of ``adb``, the Android Debug Bridge.

The forms of its answers are those of adb 1.0.41: ``adb devices -l`` lists a device a line, its state behind its serial
number; a push that fails says ``adb: error: failed to copy … remote …``. The status of a command is printed behind its
output, since adb passes it on only from Android 7 on.
"""

import re
import shlex
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from bench.devices.device import Ran
from bench.errors import InputError, RunFailure
from bench.words import Sentence, sentence

ADB, SCHEME = "adb", "adb"
FOLDER = "/data/local/tmp"  # the only place where the shell's user may run programs
STATUS = re.compile(r"odb-status=(\d+)\s*\Z")
STATES = (
    "device",
    "unauthorized",
    "authorizing",
    "offline",
    "connecting",
    "recovery",
    "sideload",
    "bootloader",
    "host",
)
NO_PERMISSIONS = "no permissions"
USABLE = "device"
FAILED = "adb: error:"
NO_SPACE = "No space left on device"
LONGEST_LIST_S = 20.0  # the first call starts adb's own server


class Listed(Struct, frozen=True):
    """A line of ``adb devices -l``. ``facts``: ``model``, ``product`` … as adb names them."""

    serial: str
    state: str
    facts: Mapping[str, str]


def listed() -> list[Listed]:
    """The devices that adb knows. Raises ``RunFailure`` without adb."""
    found = []
    for line in _adb(("devices", "-l"), LONGEST_LIST_S).stdout.splitlines():
        serial, _, rest = line.strip().partition(" ") if "\t" not in line else line.strip().partition("\t")
        rest = rest.strip()
        state = NO_PERMISSIONS if rest.startswith(NO_PERMISSIONS) else rest.partition(" ")[0]
        if state in (*STATES, NO_PERMISSIONS):
            facts = dict(word.split(":", 1) for word in rest.split() if ":" in word and not word.startswith("[http"))
            found.append(Listed(serial, state, facts))
    return found


def connected(named: str) -> "AdbDevice":
    """The device that ``named`` means: ``adb:SERIAL``, or ``adb`` where there is one only. Raises ``InputError`` for
    another name, and ``RunFailure`` (``unavailable``) where it cannot be used."""
    scheme, _, serial = named.partition(":")
    if scheme != SCHEME:
        raise InputError(sentence("device.unknown_scheme", named=named), sentence("device.write_adb"))
    devices = listed()
    if not devices:
        raise _unavailable(sentence("device.none"), sentence("device.none.remedy"))
    if not serial and len(devices) > 1:
        names = [f"{SCHEME}:{one.serial}" for one in devices]
        raise InputError(sentence("device.several", names=names), sentence("device.several.remedy", example=names[0]))
    found = next((one for one in devices if serial in ("", one.serial)), None)
    if found is None:
        names = [f"{SCHEME}:{one.serial}" for one in devices]
        raise _unavailable(sentence("device.not_there", named=named), sentence("device.there_are", names=names))
    if found.state != USABLE:
        code = found.state.replace(" ", "_")
        known = code if code in ("unauthorized", "offline", "no_permissions") else "other_state"
        name = f"{SCHEME}:{found.serial}"
        raise _unavailable(
            sentence(f"device.{known}", named=name, state=found.state), sentence(f"device.{known}.remedy", named=name)
        )
    return AdbDevice(found.serial)


class AdbDevice:
    """One device; see ``RemoteDevice``."""

    def __init__(self, serial: str) -> None:
        self._serial = serial
        self._folder = f"{FOLDER}/odb-{uuid.uuid4().hex[:12]}"
        self._made = False

    @property
    def name(self) -> str:
        return f"{SCHEME}:{self._serial}"

    def shell(self, command: Sequence[str], timeout_s: float = 30.0) -> str:
        return self._status(shlex.join(command), timeout_s).output

    def push(self, file: Path, name: str, program: bool = False) -> None:
        if not self._made:
            self._demand(f"mkdir -p {self._folder}", sentence("device.no_folder", folder=FOLDER))
            self._made = True
        place = f"{self._folder}/{name}"
        done = self._adb("push", str(file.absolute()), place, timeout_s=60.0 + file.stat().st_size / 1e6)
        if done.returncode != 0 or FAILED in done.stdout:  # older versions end with 0
            raise self._not_copied(file.name, done.stderr + done.stdout)
        if program:
            self._demand(f"chmod 755 {shlex.quote(place)}", sentence("device.not_executable", file=file.name))

    def run(self, command: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> Ran:
        given = "".join(f"{key}={shlex.quote(value)} " for key, value in environment.items())
        return self._status(f"cd {self._folder} && {given}{shlex.join(command)}", timeout_s)

    def clear(self) -> None:
        if self._made:
            self._status(f"rm -rf {self._folder}", 30.0)

    def _demand(self, command: str, message: Sentence) -> None:
        ran = self._status(command, 30.0)
        if ran.status != 0:
            full = NO_SPACE in ran.output
            raise _unavailable(
                sentence("device.full", named=self.name) if full else message,
                sentence("device.full.remedy") if full else sentence("device.says", output=ran.output.strip()[-200:]),
            )

    def _status(self, command: str, timeout_s: float) -> Ran:
        done = self._adb("shell", f"{command} 2>&1; echo odb-status=$?", timeout_s=timeout_s)
        output = done.stdout.replace("\r\n", "\n")
        ended = STATUS.search(output)
        if ended is None:  # the connection ended before the command did
            raise self._lost(done.stderr or done.stdout)
        return Ran(int(ended[1]), output[: ended.start()])

    def _adb(self, *arguments: str, timeout_s: float) -> "subprocess.CompletedProcess[str]":
        return _adb(("-s", self._serial, *arguments), timeout_s, self.name)

    def _not_copied(self, file: str, said: str) -> RunFailure:
        if NO_SPACE in said:
            return _unavailable(sentence("device.full_for", named=self.name, file=file), sentence("device.full.remedy"))
        if f"'{self._serial}' not found" in said:
            return self._lost(said)
        message = sentence("device.not_copied", named=self.name, file=file, said=said.strip()[-200:])
        return _unavailable(message, sentence("device.try_again"))

    def _lost(self, said: str) -> RunFailure:
        message = sentence("device.lost", named=self.name, said=said.strip()[-200:])
        return _unavailable(message, sentence("device.lost.remedy", named=self.name))


def _adb(arguments: Sequence[str], timeout_s: float, named: str = SCHEME) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            (ADB, *arguments),
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError:
        raise _unavailable(sentence("device.no_adb"), sentence("device.no_adb.remedy")) from None
    except subprocess.TimeoutExpired:
        message = sentence("device.no_answer", named=named, seconds=round(timeout_s))
        raise RunFailure("timeout", message, sentence("device.no_answer.remedy"), "start") from None


def _unavailable(message: Sentence, remedy: Sentence) -> RunFailure:
    return RunFailure("unavailable", message, remedy, "start")
