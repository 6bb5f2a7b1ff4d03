"""The ``tidegate`` command. One module per subcommand; each adds itself to ``app``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App

from tidegate import process
from tidegate.cli import access, audit, authority, check, demo, env, keys, rotate, serve, version, why_denied
from tidegate.cli.environment import Environment
from tidegate.core.iam.documents import MalformedError
from tidegate.objects.index import IndexFaultError
from tidegate.ops.access import RefusedError
from tidegate.pki.certificates import InvalidCertificateError
from tidegate.pki.vault import VaultError
from tidegate.s3.apart import EndpointFaultError
from tidegate.server import InUseError
from tidegate.store.database import StoreError

app = App(
    name="tidegate",
    help="A self-hosted service that speaks the AWS IoT Jobs wire protocol and executes all of it.",
    version=version.text,
    config=Environment("TIDEGATE_", command=False),
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
app.command(check.check)
app.command(version.version)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process: 0 if it did what was asked, 1 if it could not, 2 if it would not."""
    process.keep_private()
    try:
        result = app(list(sys.argv[1:] if arguments is None else arguments), result_action="return_value")
    except MalformedError as error:
        print("\n".join(["tidegate: the policy document is refused:", *error.problems]), file=sys.stderr)
        sys.exit(1)
    except (
        InUseError,
        StoreError,
        IndexFaultError,
        EndpointFaultError,
        InvalidCertificateError,
        VaultError,
        RefusedError,
        OSError,
    ) as error:
        print(f"tidegate: {error}", file=sys.stderr)
        sys.exit(1)
    sys.exit(result if isinstance(result, int) else 0)
