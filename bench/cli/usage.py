"""What is wrong with a command line, in the language that is spoken: by the type of click's error and its fields."""

import click

from bench.words import say


def show(error: click.ClickException) -> None:
    """Print ``error`` as click does: how the command is used, where its help is, and what is wrong."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # the help itself
        error.show()
        return
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None:
        option = max(context.command.get_help_option_names(context), key=len)
        click.echo(context.get_usage(), err=True)
        click.echo(say("cli.usage.try", command=context.command_path, option=option) + "\n", err=True)
    click.echo(say("cli.usage.error", message=message_of(error)), err=True)


def message_of(error: click.ClickException) -> str:
    """What is wrong. Errors that ``bench.cli.help`` raises have their words already."""
    if isinstance(error, click.NoSuchOption):
        return _no_such_option(error)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        choices = error.param.type.get_missing_message(error.param, error.ctx)
        option = isinstance(error.param, click.Option)
        code = "cli.usage.missing_option" if option else "cli.usage.missing_argument"
        missing = say(code, name=error.param.get_error_hint(error.ctx))
        return f"{missing} {choices}" if choices else missing
    if isinstance(error, click.BadParameter) and error.param is not None:
        return say("cli.usage.invalid_value", name=error.param.get_error_hint(error.ctx), message=error.message)
    return error.message


def _no_such_option(error: click.NoSuchOption) -> str:
    name, near = error.option_name, sorted(error.possibilities or ())
    if not near:
        return say("cli.usage.no_such_option", name=name)
    if len(near) == 1:
        return say("cli.usage.no_such_option_but", name=name, near=near[0])
    return say("cli.usage.no_such_option_but_some", name=name, near=list(map(repr, near)))
