"""The subcommands of ``odb``, one module each, imported when it is called; errors as sentences and exit statuses."""

import sys
from collections.abc import Mapping
from types import MappingProxyType

import click

from bench import __version__
from bench.cli import usage
from bench.cli.help import LazyGroup, option
from bench.cli.language import lang_option, speak_as_asked
from bench.cli.terminal.signals import EXIT_INTERRUPTED, announce, ignore_interrupts, was_interrupted
from bench.cli.terminal.utf8 import demand_utf8, tolerate_encodings
from bench.errors import OdbError
from bench.interrupts import anything_written
from bench.machine.address_space import demand_address_space
from bench.printable import clean
from bench.process.telemetry import switch_off
from bench.words import Sentence, say, sentence

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "run": "run_command",
        "preflight": "preflight.preflight_command",
        "list": "list_command",
        "doctor": "doctor_command",
        "tune": "tuning.tune_command",
        "report": "report_command",
        "compare": "compare_command",
        "quantise": "quantise.quantise_command",
        "init": "submission.init_command",
        "check": "submission.check_command",
        "dossier": "submission.dossier_command",
        "pack": "submission.pack_command",
        "verify": "submission.verify_command",
        "reproduce": "submission.reproduce_command",
        "review": "submission.review_command",
        "fleet": "fleet.fleet_command",
        "history": "nightly.history_command",
        "gate": "gate.gate_command",
        "power": "power.power_command",
        "schema": "schema_command",
        "completion": "completion_command",
    }
)
"""Each command's module in ``bench.cli``, in the order of the help."""


def _show_version(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        click.echo(say("cli.version", version=__version__))
        ctx.exit()


@click.group(
    cls=LazyGroup,
    modules=COMMANDS,
    help="cli.help.odb",
    epilog="cli.epilog.odb",
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,  # without one, the words of the catalogue below
    no_args_is_help=True,
)
@option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="cli.help.version")
@lang_option
@click.pass_context
def odb(ctx: click.Context) -> None:
    """``odb``: what is common to all commands."""
    if ctx.invoked_subcommand is None:
        ctx.fail(say("cli.usage.missing_command"))


def carried_out() -> int:
    """Do what the command line asks. Returns the exit status: errors a person can put right become a sentence, never a
    traceback."""
    try:
        demand_utf8()
        tolerate_encodings()
        speak_as_asked(sys.argv[1:])
        announce(say("cli.interrupted"))
        switch_off()
        if not {"-h", "--help", "--version"} & set(sys.argv[1:]):
            demand_address_space()
        status = odb.main(standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        return _told_interrupted()
    except Exception as error:
        if was_interrupted():  # a native module turns an interrupt during its imports into an ImportError
            return _told_interrupted()
        return _told(error)
    return status if isinstance(status, int) else 0


def _told_interrupted() -> int:
    ignore_interrupts()
    words = say("cli.interrupted_records_kept" if anything_written() else "cli.interrupted")
    click.echo(f"odb: {words}", err=True)
    return EXIT_INTERRUPTED


def _told(error: Exception) -> int:
    """Say what went wrong. Returns the exit status; raises what nobody but a programmer can put right."""
    if isinstance(error, click.ClickException):
        usage.show(error)
        return 2
    if isinstance(error, OdbError):
        click.echo(say("cli.error", message=clean(error.message)), err=True)
        if error.remedy:
            click.echo(f"     {clean(error.remedy)}", err=True)
        return error.exit_status
    if isinstance(error, BrokenPipeError):
        sys.stderr.close()
        return 0
    if isinstance(error, OSError):  # a name that no file can have, a folder that may not be read
        click.echo(say("cli.error", message=_of_the_system(error)), err=True)
        return 2
    if isinstance(error, UnicodeEncodeError):
        click.echo(say("cli.error", message=sentence("cli.not_unicode", name=repr(error.object[:80]))), err=True)
        return 2
    raise error


def _of_the_system(error: OSError) -> Sentence:
    """What the system said, and of which file."""
    reason = error.strerror or str(error)
    if error.filename:
        return sentence("cli.file_error", file=error.filename, reason=reason)
    return sentence("cli.some_file_error", reason=reason)
