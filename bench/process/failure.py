"""Converts an error in a worker to the event for the parent, with its phase and kind."""

import os
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path

from bench.errors import InputError, OdbError, RunFailure, disk_is_full
from bench.jobs import Failed
from bench.record.record import Failure
from bench.record.shown.redact import stated_temporary, without_paths
from bench.words import Sentence, sentence

MEMORY_WORDS = ("bad_alloc", "bad allocation", "Failed to allocate memory")
"""How native runtimes say through Python that memory has run out."""


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
    if isinstance(error, OSError) and disk_is_full(error):
        return Failed(Failure(phase, "runtime_error", *_full_disk(error)))
    message = ": ".join(part for part in (type(error).__name__, str(error).strip()) if part)
    if isinstance(error, MemoryError) or any(words in message for words in MEMORY_WORDS):
        remedy = sentence("run.use_smaller_model")
        return Failed(
            Failure(phase, "out_of_memory", sentence("run.out_of_memory", phase=phase, message=message), remedy)
        )
    if phase == "prepare":
        return Failed(Failure(phase, "plugin_error", message, sentence("run.model_plugin_broke")))
    return Failed(Failure(phase, "runtime_error", message, sentence("run.see_run_log")))


def _full_disk(error: OSError) -> tuple[Sentence, Sentence]:
    """Which disk is full, as far as the error says, and the remedy. Of a copy's two files the second is written."""
    named = error.filename if error.filename2 is None else error.filename2
    if not isinstance(named, str | bytes):
        return sentence("run.disk_full", strerror=error.strerror), sentence("run.disk_full.remedy")
    path = os.fsdecode(named)
    if _is_temporary(path):
        told = sentence("run.temporary_file_failed", strerror=error.strerror)
        return told, sentence("run.free_space_temporary_folder")
    told = sentence("store.not_written", path=without_paths(path), strerror=error.strerror)
    return told, sentence("run.disk_full.remedy")


def _is_temporary(path: str) -> bool:
    """Whether it lies where this process' temporary files go: where ``tempfile`` has found room, or where the variables
    say. ``tempfile`` is not asked, since it writes a file to find out, for which the disk may have no room."""
    folders = filter(None, (tempfile.tempdir, stated_temporary()))
    with suppress(OSError):
        return any(Path(path).resolve().is_relative_to(Path(folder).resolve()) for folder in folders)
    return False
