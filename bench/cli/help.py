"""Commands and options whose help is in the language that is spoken.

``help`` and ``epilog`` are codes of entries (``help="cli.help.run.model"``). Their words, and click's own ("Usage",
"Options", …), are looked up as they are shown. click draws the rest.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, TypeVar

import click

from bench.cli.terminal.columns import terminal_width
from bench.words import say, sentence
from bench.words.cells import narrowed, widened

F = TypeVar("F", bound=Callable[..., Any])
Figures = Callable[[], Mapping[str, Any]]

KINDS = frozenset(("text", "integer", "float", "path"))
"""click's names of types whose metavar is an entry, unless the option has its own."""


class Formatter(click.HelpFormatter):
    """Breaks and aligns lines by the cells they take at the terminal."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Lines are broken at spaces, and within a choice that is longer than a line behind its ``|``."""
        head = widened(f"{prefix or say('cli.usage.usage') + ' '}{prog}")
        room = max(self.width - len(head) - 1, 1)
        lines: list[str] = []
        for word in widened(args).split():
            for number, part in enumerate(word.replace("|", "|\n").split("\n") if len(word) > room else [word]):
                joint = "" if number else " "
                if lines and len(lines[-1]) + len(joint) + len(part) <= room:
                    lines[-1] += joint + part
                else:
                    lines.append(part)
        for number, line in enumerate(lines or [""]):
            self.write(f"{head if number == 0 else ' ' * len(head)} {line}".rstrip() + "\n")

    def write_text(self, text: str) -> None:
        super().write_text(widened(text))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl([(widened(term), widened(text)) for term, text in rows], col_max, col_spacing)

    def getvalue(self) -> str:
        return narrowed(super().getvalue())


class Context(click.Context):
    formatter_class = Formatter

    def make_formatter(self) -> click.HelpFormatter:
        """As wide as click makes it, without the imports that it takes to look at the terminal."""
        width = click.formatting.FORCED_WIDTH or max(min(terminal_width(), self.max_content_width or 80) - 2, 50)
        return Formatter(width=self.terminal_width or width)


class Spoken(click.Command):
    """What a command and the group of all commands have in common."""

    context_class = Context

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        self.options_metavar = say("cli.usage.options")
        return super().collect_usage_pieces(ctx)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(say(str(self.help)))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        records = [param.get_help_record(ctx) for param in options]
        with formatter.section(say("cli.help.options")):
            formatter.write_dl([record for record in records if record is not None])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples and statuses, line by line as the entry has them."""
        if self.epilog is None:
            return
        formatter.write_paragraph()
        for line in say(self.epilog).splitlines():
            formatter.write(f"  {line}\n" if line else "\n")

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = say("cli.help.help")
        return option

    def get_short_help_str(self, limit: int = 45) -> str:
        return say(f"cli.summary.{self.name}")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.BadOptionUsage as error:  # click states neither in a field
            flags = {name for param in self.params for name in param.opts if getattr(param, "is_flag", False)}
            code = "cli.usage.takes_no_value" if error.option_name in flags else "cli.usage.needs_value"
            raise click.BadOptionUsage(error.option_name, say(code, name=error.option_name), ctx) from None


class Command(Spoken):
    """One subcommand."""

    allow_extra_args = True  # for click; they are refused below, in words of the catalogue

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            code = "cli.usage.extra_argument" if len(rest) == 1 else "cli.usage.extra_arguments"
            ctx.fail(say(code, arguments=" ".join(rest)))
        return rest


class LazyGroup(Spoken, click.Group):
    """Knows its subcommands' names and summaries, and imports none before it is called. ``modules``: each command's
    module in ``bench.cli``, in the order of the help."""

    def __init__(self, *args: Any, modules: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.modules = modules

    def summary_of(self, name: str) -> str:
        """What the command of that name does."""
        return say(f"cli.summary.{name}")

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        self.subcommand_metavar = say("cli.usage.command")
        return super().collect_usage_pieces(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.modules:
            return None
        command: click.Command = import_module(f"bench.cli.{self.modules[cmd_name]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(say("cli.help.commands")):
            formatter.write_dl([(name, self.summary_of(name)) for name in self.modules])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.modules:
            from bench.errors import UnknownName

            raise UnknownName(sentence("cli.command"), args[0], self.modules)
        return super().resolve_command(ctx, args)


class Option(click.Option):
    """``figures``: gives those of the help's entry as it is shown."""

    def __init__(self, *names: Any, figures: Figures | None = None, **settings: Any) -> None:
        self._figures = figures
        super().__init__(*names, **settings)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        figures = self._figures() if self._figures else {}
        return None if record is None else (record[0], say(str(self.help), **figures))

    def make_metavar(self, ctx: click.Context) -> str:
        if self.metavar is None and self.type.name in KINDS:
            return say(f"cli.metavar.{self.type.name}")
        return super().make_metavar(ctx)


class Choice(click.Choice[str]):
    """One of some words."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        return say("cli.usage.choose_from", choices=",\n\t".join(self.choices))

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        return say("cli.usage.not_one_of", value=value, choices=list(map(repr, self.choices)))


class Integer(click.types.IntParamType):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(value)
        except ValueError:
            self.fail(say("cli.usage.not_integer", value=value), param, ctx)


class Float(click.types.FloatParamType):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return float(value)
        except ValueError:
            self.fail(say("cli.usage.not_float", value=value), param, ctx)


INTEGER, FLOAT = Integer(), Float()


def once(ctx: click.Context, param: click.Parameter, values: tuple[Any, ...]) -> Any:
    """The callback of an option with ``multiple`` that may be given once: the last of several would be taken in
    silence otherwise."""
    if len(values) > 1:
        ctx.fail(say("cli.usage.given_twice", flag=param.opts[-1]))
    return values[0] if values else None


def option(*names: str, **settings: Any) -> Callable[[F], F]:
    """``click.option``; ``help`` is a code."""
    return click.option(*names, cls=Option, **settings)
