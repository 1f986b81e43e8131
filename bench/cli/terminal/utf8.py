"""File names in UTF-8, whatever the locale: runtimes take them so, and a record is UTF-8.

In a locale of another encoding Python would read a Korean file name as other characters, and no runtime would find the
file. Its UTF-8 mode has to be on before the interpreter starts, so the command starts itself anew once.
"""

import os
import sys


def demand_utf8() -> None:
    """Where file names are read in another encoding, replace this process by itself in UTF-8 mode; workers follow."""
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
