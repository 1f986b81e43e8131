"""Converts an error in a worker to the event for the parent, with its phase and kind."""

import errno
import traceback
from contextlib import suppress

from bench.errors import InputError, OdbError, RunFailure
from bench.jobs import Failed
from bench.record.record import Failure
from bench.words import sentence

MEMORY_WORDS = ("bad_alloc", "bad allocation", "Failed to allocate memory")
"""How native runtimes say through Python that memory has run out."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""How systems say that a disk is full, or what a user may take of it."""


def failure_of(error: BaseException, phase: str) -> Failed:
    """The event that reports ``error`` to the parent. An unexpected error writes its traceback to the log, unless the
    log's disk is full."""
    if isinstance(error, RunFailure):
        return Failed(Failure(error.phase or phase, error.kind, error.sentence, error.advice))
    if isinstance(error, InputError):
        return Failed(Failure(phase, "bad_input", error.sentence, error.advice))
    if isinstance(error, OdbError):
        return Failed(Failure(phase, "plugin_error", error.sentence, error.advice))
    with suppress(OSError):
        traceback.print_exception(error)
    if isinstance(error, OSError) and error.errno in FULL:
        full = sentence("run.temporary_file_failed", strerror=error.strerror)
        return Failed(Failure(phase, "runtime_error", full, sentence("run.free_space_temporary_folder")))
    message = ": ".join(part for part in (type(error).__name__, str(error).strip()) if part)
    if isinstance(error, MemoryError) or any(words in message for words in MEMORY_WORDS):
        remedy = sentence("run.use_smaller_model")
        return Failed(
            Failure(phase, "out_of_memory", sentence("run.out_of_memory", phase=phase, message=message), remedy)
        )
    if phase == "prepare":
        return Failed(Failure(phase, "plugin_error", message, sentence("run.model_plugin_broke")))
    return Failed(Failure(phase, "runtime_error", message, sentence("run.see_run_log")))
