"""``tidegate access``: the principals that access keys belong to, and what they may do.

The commands work on the store, whether or not a server runs on it; a running server follows within a second.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tidegate.cli import options
from tidegate.cli.keys import check_lifetime, lifetime
from tidegate.cli.options import Data, OwnAccount, Store
from tidegate.clock import wall_now
from tidegate.core import contexts
from tidegate.core.contexts import Place
from tidegate.core.iam import managed
from tidegate.core.iam.decisions import Asked
from tidegate.ops import iam
from tidegate.ops.iam import RefusedError
from tidegate.runtime.access_keys import identity_of
from tidegate.store import keys, principals
from tidegate.store.database import Tx

app = App(name="access", help="Who may do what on `tidegate serve --auth on`.")


Name = Annotated[str, Parameter(help="The principal's name in its account.")]
PolicyName = Annotated[
    str, Parameter(help=f"The policy's name on the principal; {', '.join(managed.POLICIES)} need no file.")
]
Policies = Annotated[
    tuple[str, ...],
    Parameter(name="--policy", help=f"NAME=FILE, or one of {', '.join(managed.POLICIES)}.", negative=()),
]
Tags = Annotated[tuple[str, ...], Parameter(name="--tag", help="KEY=VALUE, for ${aws:PrincipalTag/KEY}.", negative=())]


@app.command
def create_principal(
    name: Name,
    *,
    policy: Policies = (),
    tag: Tags = (),
    account: OwnAccount = None,
    data: Data = options.DATA,
    store: Store = "sqlite",
) -> None:
    """Make a principal. Without a policy it may do nothing."""
    principal = iam.arn(account or options.account_of(data), name)
    tags = dict(_pair(text, "--tag") for text in tag)
    documents = dict(_policy(text) for text in policy)
    with options.database(data, store) as database:
        options.change(
            database,
            "CreatePrincipal",
            principal,
            {},
            lambda tx: iam.create_principal(tx, principal, wall_now(), policies=documents, tags=tags),
        )
    print(f"{principal} can sign with a key made by: tidegate keys create --principal {name}")


@app.command
def delete_principal(
    name: Name, *, account: OwnAccount = None, data: Data = options.DATA, store: Store = "sqlite"
) -> None:
    """Delete a principal, its policies and its access keys."""
    principal = iam.arn(account or options.account_of(data), name)
    with options.database(data, store) as database:
        count = options.change(
            database, "DeletePrincipal", principal, {}, lambda tx: iam.delete_principal(tx, principal)
        )
    print(f"{principal} and {count} access keys are deleted.")


@app.command(name="list")
def show_all(*, data: Data = options.DATA, store: Store = "sqlite") -> None:
    """List the principals with the names of their policies."""
    with options.database(data, store) as database:
        for principal, policies in database.read(_with_policies):
            print(f"{principal}  {', '.join(policies) or 'no policy: may do nothing'}")


def _with_policies(tx: Tx) -> list[tuple[str, list[str]]]:
    return [
        (found.arn, [policy.name for policy in principals.policies(tx, found.id)]) for found in principals.every(tx)
    ]


@app.command
def attach_policy(
    name: Name,
    policy_name: PolicyName,
    file: Annotated[Path | None, Parameter(help="The policy document (JSON); - reads standard input.")] = None,
    *,
    account: OwnAccount = None,
    data: Data = options.DATA,
    store: Store = "sqlite",
) -> None:
    """Attach a policy to a principal, in place of one with the same name."""
    principal = iam.arn(account or options.account_of(data), name)
    document = _document(policy_name, file)
    with options.database(data, store) as database:
        options.change(
            database,
            "PutPrincipalPolicy",
            principal,
            {"policyName": policy_name},
            lambda tx: iam.attach_policy(tx, principal, policy_name, document, wall_now()),
        )
    print(f"{policy_name} is attached to {principal}.")


@app.command
def detach_policy(
    name: Name,
    policy_name: PolicyName,
    *,
    account: OwnAccount = None,
    data: Data = options.DATA,
    store: Store = "sqlite",
) -> None:
    """Detach a policy from a principal."""
    principal = iam.arn(account or options.account_of(data), name)
    with options.database(data, store) as database:
        options.change(
            database,
            "DeletePrincipalPolicy",
            principal,
            {"policyName": policy_name},
            lambda tx: iam.detach_policy(tx, principal, policy_name),
        )
    print(f"{policy_name} is detached from {principal}.")


@app.command
def allow_devices(
    name: Name,
    *,
    longest: Annotated[
        str, Parameter(help="How long their credentials may last: 15m to 12h.", validator=check_lifetime)
    ] = "1h",
    account: OwnAccount = None,
    data: Data = options.DATA,
    store: Store = "sqlite",
) -> None:
    """Let devices be a principal: as the role arn:aws:iam::ACCOUNT:role/NAME that a role alias names."""
    principal = iam.arn(account or options.account_of(data), name)
    _set_devices(principal, lifetime(longest), data, store)
    print(f"Devices get credentials of {principal} by a role alias for {principal.replace(':user/', ':role/')}.")


@app.command
def deny_devices(name: Name, *, account: OwnAccount = None, data: Data = options.DATA, store: Store = "sqlite") -> None:
    """Let devices be a principal no longer; the credentials that they have of it are refused."""
    principal = iam.arn(account or options.account_of(data), name)
    _set_devices(principal, 0, data, store)
    print(f"Devices get no credentials of {principal}.")


def _set_devices(principal: str, longest_s: int, data: Path, store: str) -> None:
    with options.database(data, store) as database:
        options.change(
            database,
            "UpdateAssumeRolePolicy",
            principal,
            {"maxSessionDuration": longest_s},
            lambda tx: iam.allow_devices(tx, principal, longest_s),
        )


@app.command
def show(name: Name, *, account: OwnAccount = None, data: Data = options.DATA, store: Store = "sqlite") -> None:
    """Print a principal's tags, policies and access keys as JSON."""
    principal = iam.arn(account or options.account_of(data), name)
    with options.database(data, store) as database:
        shown = database.read(lambda tx: _shown(tx, principal))
    print(json.dumps(shown, indent=2))


def _shown(tx: Tx, principal: str) -> dict[str, object]:
    found = iam.existing(tx, principal)
    return {
        "Arn": found.arn,
        "Tags": json.loads(found.tags),
        "DevicesForSeconds": found.device_session_s,
        "Policies": {policy.name: json.loads(policy.document) for policy in principals.policies(tx, found.id)},
        "AccessKeys": {key.key_id: key.status for key in keys.every(tx) if key.principal == principal},
    }


@app.command
def simulate(
    name: Name,
    *,
    action: Annotated[str, Parameter(help="iot:CreateJob, for one.")],
    resource: Annotated[tuple[str, ...], Parameter(help="ARNs; without one everything (*).", negative=())] = ("*",),
    context: Annotated[
        tuple[str, ...], Parameter(help="KEY=VALUE of a condition key, aws:SourceIp=10.0.0.1 for one.", negative=())
    ] = (),
    region: Annotated[
        str | None, Parameter(help="The region it asks in; that of the server on the data directory if not given.")
    ] = None,
    account: OwnAccount = None,
    data: Data = options.DATA,
    store: Store = "sqlite",
) -> int:
    """Say whether a principal may do something, and by which statement. Exit status 0 if it may, else 1."""
    principal = iam.arn(account or options.account_of(data), name)
    given: dict[str, list[str]] = {}
    known = contexts.of(Place(region or options.region_of(data)), wall_now())
    for text in context:
        key, value = _pair(text, "--context")
        given.setdefault(key.lower(), []).append(value)
    with options.database(data, store) as database:
        database.read(lambda tx: iam.existing(tx, principal))
        identity = database.read(lambda tx: identity_of(tx, principal))
    refused = 0
    for each in resource:
        decision = identity.decide(Asked((action,), each, {**identity.variables, **known, **given}))
        by = f"statement {decision.statement} of {decision.policy}" if decision.explicit else "no statement applies"
        sid = f" ({decision.sid})" if decision.sid else ""
        print(f"{'allowed' if decision.allowed else 'denied'}  {action}  {each}  by {by}{sid}".replace("by no", "no"))
        refused += not decision.allowed
    return 1 if refused else 0


def _policy(text: str) -> tuple[str, str]:
    """Name and document of a ``--policy``."""
    if text in managed.POLICIES:
        return text, managed.POLICIES[text]
    name, file = _pair(text, "--policy")
    return name, _document(name, Path(file))


def _document(name: str, file: Path | None) -> str:
    if file is None:
        if name not in managed.POLICIES:
            raise RefusedError(f"{name} does not come with tidegate: name the file of its document.")
        return managed.POLICIES[name]
    return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")


def _pair(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise RefusedError(f"{option} takes {'NAME=FILE' if option == '--policy' else 'KEY=VALUE'}, not {text!r}.")
    return key, value
