"""The ``tidegate`` command. One module per subcommand; each adds itself to ``app``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from tidegate import process
from tidegate.cli import version
from tidegate.cli.environment import Environment
from tidegate.faults import ToldError, explained

_ENVIRONMENT = Environment("TIDEGATE_", command=False)

app = App(
    name="tidegate",
    help="A self-hosted service that speaks the AWS IoT Jobs wire protocol and executes all of it.",
    version=version.text,
    config=_ENVIRONMENT,
)
# By name, so that a command loads its own module only: most of what a command costs is what it imports.
for _name, _where in {
    "serve": "serve:serve",
    "demo": "demo:demo",
    "env": "env:env",
    "keys": "keys:app",
    "access": "access:app",
    "authority": "authority:app",
    "rotate": "rotate:app",
    "audit": "audit:app",
    "why-denied": "why_denied:why_denied",
    "forecast": "forecast:forecast",
    "fleet": "fleet:fleet",
    "why": "why:why",
    "pause": "hold:pause",
    "resume": "hold:resume",
    "approve": "approvals:approve",
    "approvals": "approvals:app",
    "blackouts": "blackouts:app",
    "lint": "lint:lint",
    "diff": "lint:diff",
    "check": "check:check",
    "bundle": "bundle:bundle",
    "init": "init:init",
    "doctor": "doctor:doctor",
    "ready": "ready:ready",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "migrate": "backup:migrate",
    "conformance": "conformance:conformance",
    "version": "version:version",
}.items():
    app.command(f"tidegate.cli.{_where}", name=_name)
app.meta.config = _ENVIRONMENT


@app.meta.default
def _run(
    *arguments: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    config: Annotated[
        Path | None,
        Parameter(help="A TOML file of options; environment and command line go before it."),
    ] = None,
) -> Any:
    def parsed() -> tuple[Any, Any, dict[str, Any]]:
        file = []
        if config is not None:
            from tidegate.cli import config_file  # which reads every option's type

            file = [config_file.checked(config)]
        app.config = (_ENVIRONMENT, *file)
        return app.parse_args(arguments)

    command, given, left = parsed()
    again = {"again": lambda: parsed()[1].arguments.get("given")}
    return command(*given.args, **given.kwargs, **{name: again[name] for name in left})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process: 0 if it did what was asked, 1 if it could not, 2 if it would not."""
    process.keep_private()
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        if not given or given[0] in app.help_flags:
            for name in app:
                app[name]  # is loaded: the list of commands has a sentence of each
        result = app.meta(given, result_action="return_value")
    except ToldError as error:
        print(f"tidegate: {error.sentence()}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(f"tidegate: {explained(error)}", file=sys.stderr)
        sys.exit(1)
    sys.exit(result if isinstance(result, int) else 0)
