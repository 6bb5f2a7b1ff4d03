"""The ``tidegate`` command. One module per subcommand; each adds itself to ``app``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import App, Parameter

from tidegate import process
from tidegate.backup.format import BackupError
from tidegate.cli import (
    access,
    audit,
    authority,
    backup,
    bundle,
    check,
    config_file,
    conformance,
    demo,
    doctor,
    env,
    forecast,
    init,
    keys,
    ready,
    rotate,
    serve,
    version,
    why,
    why_denied,
)
from tidegate.cli.bundle import BundleError
from tidegate.cli.config_file import ConfigError
from tidegate.cli.configuration import ConfigFile, Configuration
from tidegate.cli.environment import Environment
from tidegate.core.iam.documents import MalformedError
from tidegate.faults import explained
from tidegate.objects.index import IndexFaultError
from tidegate.ops.iam import RefusedError
from tidegate.pki.certificates import InvalidCertificateError
from tidegate.pki.vault import VaultError
from tidegate.s3.apart import EndpointFaultError
from tidegate.server import InUseError
from tidegate.store.database import StoreError

_ENVIRONMENT = Environment("TIDEGATE_", command=False)

app = App(
    name="tidegate",
    help="A self-hosted service that speaks the AWS IoT Jobs wire protocol and executes all of it.",
    version=version.text,
    config=_ENVIRONMENT,
)
app.command(serve.serve)
app.command(demo.demo)
app.command(env.env)
app.command(keys.app)
app.command(access.app)
app.command(authority.app)
app.command(rotate.app)
app.command(audit.app)
app.command(why_denied.why_denied)
app.command(forecast.forecast)
app.command(why.why)
app.command(check.check)
app.command(bundle.bundle)
app.command(init.init)
app.command(doctor.doctor)
app.command(ready.ready)
app.command(backup.backup)
app.command(backup.restore)
app.command(backup.migrate)
app.command(conformance.conformance)
app.command(version.version)
app.meta.config = _ENVIRONMENT


@app.meta.default
def _run(
    *arguments: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    config: ConfigFile = None,
) -> Any:
    def parsed() -> tuple[Any, Any, dict[str, Any]]:
        file = [] if config is None else [config_file.checked(config)]
        app.config = (_ENVIRONMENT, *file)
        return app.parse_args(arguments)

    command, given, left = parsed()
    again = {"again": lambda: parsed()[1].arguments.get("given", Configuration())}
    return command(*given.args, **given.kwargs, **{name: again[name] for name in left})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process: 0 if it did what was asked, 1 if it could not, 2 if it would not."""
    process.keep_private()
    try:
        result = app.meta(list(sys.argv[1:] if arguments is None else arguments), result_action="return_value")
    except MalformedError as error:
        print("\n".join(["tidegate: the policy document is refused:", *error.problems]), file=sys.stderr)
        sys.exit(1)
    except (
        BackupError,
        BundleError,
        ConfigError,
        InUseError,
        StoreError,
        IndexFaultError,
        EndpointFaultError,
        InvalidCertificateError,
        VaultError,
        RefusedError,
    ) as error:
        print(f"tidegate: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(f"tidegate: {explained(error)}", file=sys.stderr)
        sys.exit(1)
    sys.exit(result if isinstance(result, int) else 0)
