"""What operations raise, against what their model knows: read from their source, function by function.

The fuzzer judges what happens; this one what could. A name of an error counts as raised wherever it stands in a
function that an operation reaches by a name.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import sys
import textwrap
from collections.abc import Iterator
from types import FunctionType, ModuleType

import pytest

from tidegate.ops.handler import Handler
from tidegate.ops.table import HANDLERS
from tidegate.wire import iot, protocol
from tidegate.wire.errors import WireError

CONTROL = {name: handler for (plane, name), handler in sorted(HANDLERS.items()) if plane == "iot"}

UNMODELLED = {
    ("CreateCertificateFromCsr", "ResourceAlreadyExistsException"): "a certificate signed just now has a new serial",
    ("CreateKeysAndCertificate", "ResourceAlreadyExistsException"): "a key pair made just now has no certificate",
    ("CreateKeysAndCertificate", "ServiceUnavailableException"): "no certificate authority; modelled all the same",
    ("CreateDomainConfiguration", "ResourceNotFoundException"): "of one that was inserted just now",
    ("CreateThingGroup", "ResourceNotFoundException"): "a parent that does not exist: nothing modelled says so",
    ("CreateThingType", "ResourceNotFoundException"): "of a type that was inserted just now",
    ("DeleteOTAUpdate", "InvalidStateTransitionException"): "the job's status is looked at before",
    ("DeleteOTAUpdate", "LimitExceededException"): "of its job; answered as InvalidRequestException",
    ("DeleteRegistrationCode", "InvalidRequestException"): "the family's error; there is nothing to violate",
    ("DescribeEventConfigurations", "InvalidRequestException"): "the family's error; there is nothing to violate",
    ("GetPackageConfiguration", "ValidationException"): "the family's error; there is nothing to violate",
    **{
        ("RegisterThing", error): "of what a template asks for; answered as ResourceRegistrationFailureException"
        for error in (
            "CertificateConflictException",
            "CertificateStateException",
            "CertificateValidationException",
            "LimitExceededException",
            "MalformedPolicyException",
            "ResourceAlreadyExistsException",
            "ResourceNotFoundException",
            "VersionConflictException",
        )
    },
}
"""Raised, or seemingly so, although the model lacks it."""

NEVER = {
    ("CancelJob", "LimitExceededException"): "canceling is never refused for being busy",
    ("DeleteCommand", "ConflictException"): "what runs of it goes on",
    **{
        (name, "ConflictingResourceUpdateException"): "what is updated is read and written in one transaction"
        for name in (
            "CreateProvisioningTemplateVersion",
            "DeleteProvisioningTemplate",
            "DeleteProvisioningTemplateVersion",
            "RegisterThing",
            "UpdateProvisioningTemplate",
        )
    },
    ("DeleteThing", "ResourceNotFoundException"): "AWS's text: what does not exist is deleted",
    ("DeleteOTAUpdate", "VersionConflictException"): "a job that has not ended is InvalidRequestException (reach 11)",
    ("DeleteRoleAlias", "DeleteConflictException"): "nothing holds a role alias",
    ("CreateDomainConfiguration", "CertificateValidationException"): "certificates are named, not looked at",
    ("DetachPolicy", "LimitExceededException"): "detaching has no limit",
    ("DisassociateSbomFromPackageVersion", "ConflictException"): "nothing stands in its way",
    ("GetCardinality", "IndexNotReadyException"): "the index is never behind",
    ("GetStatistics", "IndexNotReadyException"): "the index is never behind",
    ("GetPercentiles", "IndexNotReadyException"): "the index is never behind",
    ("GetBucketsAggregation", "IndexNotReadyException"): "the index is never behind",
    ("GetThingConnectivityData", "IndexNotReadyException"): "it is no matter of the index",
    ("SearchIndex", "IndexNotReadyException"): "the index is never behind",
    ("GetEffectivePolicies", "LimitExceededException"): "reading has no limit",
    ("ListAttachedPolicies", "LimitExceededException"): "listing has no limit",
    ("ListBillingGroups", "ResourceNotFoundException"): "it names no resource",
    ("ListCommandExecutions", "ResourceNotFoundException"): "what is not there has none",
    ("ListJobExecutionsForThing", "ResourceNotFoundException"): "third hand: an unknown thing has none",
    ("ListManagedJobTemplates", "ResourceNotFoundException"): "a name that no template has gives an empty list",
    ("ListPolicyPrincipals", "ResourceNotFoundException"): "seen on AWS: an unknown policy has no principals",
    ("ListTargetsForPolicy", "LimitExceededException"): "listing has no limit",
    ("TestAuthorization", "LimitExceededException"): "reading has no limit",
    ("UpdateAuthorizer", "LimitExceededException"): "it makes none",
    ("UpdateDomainConfiguration", "CertificateValidationException"): "certificates are named, not looked at",
    ("UpdatePackage", "ConflictException"): "what is updated exists, and has no version of its own",
    ("UpdatePackageConfiguration", "ConflictException"): "there is one, and it has no version of its own",
}
"""Modelled and never raised."""

EDGE = {
    "InternalException",
    "InternalFailureException",
    "InternalServerException",
    "ServiceUnavailableException",
    "ThrottlingException",
    "UnauthorizedException",
}
"""What the edges answer with, for any operation."""

_ERRORS = {name for name, found in vars(iot).items() if isinstance(found, type) and issubclass(found, WireError)}


def _names(function: FunctionType) -> Iterator[tuple[str | None, str]]:
    """(module, name) or (None, name) of everything a function's body mentions."""
    [defined] = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(defined, ast.FunctionDef)
    for node in (inner for statement in defined.body for inner in ast.walk(statement)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id, node.attr
        elif isinstance(node, ast.Name):
            yield None, node.id


def _called(function: FunctionType) -> Iterator[FunctionType]:
    home = sys.modules[function.__module__]
    for module, name in _names(function):
        holder = home if module is None else getattr(home, module, None)
        found = getattr(holder, name, None) if isinstance(holder, ModuleType) else None
        if isinstance(found, FunctionType) and found.__module__.startswith("tidegate.ops"):
            yield found


def _raised(roots: list[FunctionType]) -> set[str]:
    seen: set[FunctionType] = set()
    errors: set[str] = set()
    left = roots
    while left:
        function = left.pop()
        if function not in seen:
            seen.add(function)
            errors |= {name for module, name in _names(function) if module == "iot" and name in _ERRORS}
            left += _called(function)
    return errors


def _functions(handler: Handler) -> list[FunctionType]:
    """What an operation declares of itself."""
    given = [getattr(handler, each.name) for each in dataclasses.fields(handler)]
    whole = [each.func if isinstance(each, functools.partial) else each for each in given]
    return [each for each in whole if isinstance(each, FunctionType)]


def _of(name: str, handler: Handler) -> tuple[set[str], set[str]]:
    """(raised, modelled) by name, the family's error for violated constraints among the raised."""
    operation = protocol.OPERATIONS["iot"][name]
    raised = _raised(_functions(handler)) | {operation.invalid.__name__}
    return raised, {error.__name__ for error in operation.errors}


@pytest.mark.parametrize("name", CONTROL)
def test_what_is_raised_is_modelled(name: str) -> None:
    raised, modelled = _of(name, CONTROL[name])
    assert {each for each in raised - modelled if (name, each) not in UNMODELLED} == set()


@pytest.mark.parametrize("name", CONTROL)
def test_what_is_modelled_is_raised(name: str) -> None:
    raised, modelled = _of(name, CONTROL[name])
    assert {each for each in modelled - raised - EDGE if (name, each) not in NEVER} == set()


def test_the_exceptions_are_still_needed() -> None:
    for name, error in NEVER:
        raised, modelled = _of(name, CONTROL[name])
        assert error in modelled - raised, (name, error)
    for name, error in UNMODELLED:
        assert error in _of(name, CONTROL[name])[0], (name, error)


def test_the_walk_sees_through_helpers() -> None:
    raised, _ = _of("CreateJob", CONTROL["CreateJob"])
    assert {"LimitExceededException", "ResourceAlreadyExistsException", "ResourceNotFoundException"} <= raised
