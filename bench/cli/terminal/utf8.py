"""File names in UTF-8, whatever the locale: runtimes expect them in UTF-8, and a record is UTF-8. And output in what
the terminal or the pipe takes, without an error for a character that it lacks.

With a locale of another encoding Python would decode a Korean file name wrongly, and runtimes would not find the file.
UTF-8 mode must be on before the interpreter starts, so the command restarts itself once.
"""

import os
import sys


def demand_utf8() -> None:
    """Where file names are read in another encoding, replace this process by itself in UTF-8 mode; workers follow."""
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def tolerate_encodings() -> None:
    """Characters that the encoding of stdout or stderr lacks become question marks: in a pipe on Windows it is the
    system's code page, which has no ✓ or no Korean."""
    for stream in (sys.stdout, sys.stderr):
        if not writes_unicode(stream) and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def writes_unicode(stream: object) -> bool:
    """Whether every character can be written to ``stream``."""
    encoding = str(getattr(stream, "encoding", None) or "utf-8")
    return encoding.lower().replace("-", "").replace("_", "").startswith("utf")
