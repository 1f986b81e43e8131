"""The packaged Jinja2 templates; what comes from records is escaped."""

from typing import Any


def template(name: str) -> Any:
    """The template of that file name, ready to render. A name it asks for and does not get is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bench.reports", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(name)
