"""File names in UTF-8, whatever the locale: runtimes expect them in UTF-8, and a record is UTF-8.

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
