"""The subcommands of ``odb``, one module each, imported when it is called; errors as sentences and exit statuses."""

import sys
from importlib import import_module

import click

from bench import __version__
from bench.cli.language import lang_option, speak_as_asked
from bench.cli.terminal.signals import EXIT_INTERRUPTED, ignore_interrupts, was_interrupted
from bench.cli.terminal.utf8 import demand_utf8
from bench.errors import OdbError
from bench.machine.address_space import demand_address_space
from bench.printable import clean
from bench.process.telemetry import switch_off

COMMANDS = {
    "run": "Measure models on targets and write records and a report.",
    "list": "Show models, targets, scenarios, reports, presets or sensors.",
    "doctor": "Show what this machine can measure, and how to enable the rest.",
    "report": "Write a report from records.",
    "compare": "Compare records: faster, slower or the same, and how certain that is.",
    "schema": "Print the JSON Schema of a record.",
    "completion": "Print a shell completion script.",
}

EPILOG = """\b
Examples:
  odb run                                     the built-in models on all this machine has
  odb run -m detector.onnx -t openvino:CPU -t ort:cpu
  odb run -m mobilenet_v2 -t qnn:htp-emu -O soc=qcs8550 --strict-placement
  odb report odb-results/… --format md
\b
Exit status: 0 done; 1 done, and a run is invalid or failed (see odb run --fail-on); 2 bad usage or input;
3 nothing could be measured, or a comparison was not decided; 130 interrupted."""


class LazyGroup(click.Group):
    """Knows its subcommands' names and summaries, and imports none before it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"bench.cli.{cmd_name}_command").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from bench.errors import UnknownName

            raise UnknownName("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="odb")
@lang_option
def odb() -> None:
    """Runs sLLM and vision models on Intel and Qualcomm targets; measures latency, memory and power proxies; writes
    reports that can be compared, and says how far to trust them."""


def carried_out() -> int:
    """Do what the command line asks. Returns the exit status: errors a person can put right become a sentence, never a
    traceback."""
    try:
        demand_utf8()
        speak_as_asked(sys.argv[1:])
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
    click.echo("odb: interrupted; records already written are kept", err=True)
    return EXIT_INTERRUPTED


def _told(error: Exception) -> int:
    """Say what went wrong. Returns the exit status; raises what nobody but a programmer can put right."""
    if isinstance(error, click.ClickException):
        error.show()
        return 2
    if isinstance(error, OdbError):
        click.echo(f"odb: error: {clean(error.message)}", err=True)
        if error.remedy:
            click.echo(f"     {clean(error.remedy)}", err=True)
        return error.exit_status
    if isinstance(error, BrokenPipeError):
        sys.stderr.close()
        return 0
    if isinstance(error, OSError):  # a name that no file can have, a folder that may not be read
        click.echo(f"odb: error: {error.filename or 'a file'}: {error.strerror or error}", err=True)
        return 2
    if isinstance(error, UnicodeEncodeError):
        click.echo(f"odb: error: {error.object[:80]!r}: a name that is not Unicode", err=True)
        return 2
    raise error
