"""AWS's managed job templates (control reference 4): a catalogue of eight, and what their parameters become.

The literal descriptions of three templates, and those of the parameters ``packages``, ``services`` and ``command``, are
not known: those marked [R] are ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from tidegate.core import document as document_text
from tidegate.core import placeholders, texts
from tidegate.core.placeholders import Part, Placeholder

VERSION: Final = "1.0"
ENVIRONMENTS: Final = ("LINUX",)


class Parameter(NamedTuple):
    """A parameter of a document; ``regex`` is AWS's text, matched against the whole value."""

    key: str
    description: str
    regex: str
    example: str
    optional: bool = False


class ManagedTemplate(NamedTuple):
    """One template; all have version ``VERSION`` and run in ``ENVIRONMENTS``."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    document: str


_ANYTHING: Final = "(.*?)"
_URL = Parameter("downloadUrl", "URL of file to download.", _ANYTHING, "http://www.example.com/index.html")
_PATH = Parameter("filePath", "Path on the device where downloaded file is written.", _ANYTHING, "/path/to/file")
# [R], these three
_PACKAGES = Parameter("packages", "List of packages, separated by spaces.", _ANYTHING, "nginx curl")
_SERVICES = Parameter("services", "List of services, separated by spaces.", _ANYTHING, "sshd")
_COMMAND = Parameter(
    "command", "Command to run, its words separated by commas; a comma in a word is escaped.", _ANYTHING, "ls,-l"
)
_USER = Parameter(
    "runAsUser",
    "Execute handler as another user. If not specified, then handler is executed as the same user as device client.",
    "(.){0,256}",
    "user1",
    optional=True,
)
_HANDLER = Parameter(
    "pathToHandler",
    "Path to handler on the device. If not specified, then device client will use the current working directory.",
    "(.){0,4096}",
    "/path/to/handler/script",
    optional=True,
)


def _placeholder(key: str) -> str:
    return f"${{aws:iot:parameter:{key}}}"


def _template(
    name: str, description: str, kind: str, given: Mapping[str, object], *parameters: Parameter
) -> ManagedTemplate:
    """A template of one step; its document is compact and its members stand in AWS's order."""
    action = {"name": name.removeprefix("AWS-"), "type": kind, "input": given, "runAsUser": _placeholder(_USER.key)}
    document = json.dumps({"version": "1.0", "steps": [{"action": action}]}, separators=(",", ":"))
    return ManagedTemplate(name, description, parameters, document)


def _handled(name: str, description: str, handler: str, *required: Parameter) -> ManagedTemplate:
    """A template that runs a handler script, with its required parameters for arguments."""
    arguments = [_placeholder(one.key) for one in required]
    args = {"args": arguments} if arguments else {}
    given = {"handler": handler, **args, "path": _placeholder(_HANDLER.key)}
    return _template(name, description, "runHandler", given, *required, _USER, _HANDLER)


def _about(what: str) -> str:
    return f"A managed job template for {what}."


_ALL: Final = (
    _handled("AWS-Reboot", _about("rebooting the device"), "reboot.sh"),
    _handled("AWS-Download-File", _about("downloading a file"), "download-file.sh", _URL, _PATH),
    # [R] the description
    _handled(
        "AWS-Install-Application", _about("installing one or more applications"), "install-packages.sh", _PACKAGES
    ),
    _handled(
        "AWS-Remove-Application", _about("uninstalling one or more applications"), "remove-packages.sh", _PACKAGES
    ),
    # [R] the description
    _handled("AWS-Start-Application", _about("starting one or more system services"), "start-services.sh", _SERVICES),
    _handled("AWS-Stop-Application", _about("stopping one or more system services"), "stop-services.sh", _SERVICES),
    _handled(
        "AWS-Restart-Application", _about("restarting one or more system services"), "restart-services.sh", _SERVICES
    ),
    # [R] the description
    _template(
        "AWS-Run-Command",
        _about("running a shell command"),
        "runCommand",
        {"command": _placeholder(_COMMAND.key)},
        _COMMAND,
        _USER,
    ),
)
CATALOGUE: Final[Mapping[str, ManagedTemplate]] = {template.name: template for template in _ALL}
"""By name, in the order of AWS's list."""

_JAVA_DOT: Final = "[^\n\r\u0085\u2028\u2029]"
_PATTERNS: Final = {
    one.regex: re.compile(one.regex.replace(".", _JAVA_DOT)) for template in _ALL for one in template.parameters
}


def problems(template: ManagedTemplate, given: Mapping[str, str]) -> list[str]:
    """What is wrong with the ``documentParameters`` of a job made from a template (control reference 4.3)."""
    known = {one.key: one for one in template.parameters}
    missing = [key for key, one in known.items() if not one.optional and key not in given]
    found = [texts.documents.parameter_missing(template.name, key) for key in missing]
    found += [texts.documents.parameter_unknown(template.name, key) for key in given if key not in known]
    return found + [
        texts.documents.parameter_invalid(key, given[key], one.regex)
        for key, one in known.items()
        if key in given and not _PATTERNS[one.regex].fullmatch(given[key])
    ]


def has_parameters(document: str) -> bool:
    """Whether a document has parameter placeholders, which only managed templates may have."""
    return "aws:iot:parameter" in document and any(
        _has_parameter(value.text) for value in document_text.values(document)
    )


def _has_parameter(text: str) -> bool:
    try:
        parts = placeholders.scan(text)
    except placeholders.PlaceholderError:
        return False
    return any(isinstance(part, Placeholder) and part.kind == "parameter" for part in parts)


def substituted(document: str, given: Mapping[str, str]) -> str:
    """A template's document with its parameters, the optional ones that are not given being empty.

    Values are taken as they are: a parameter placeholder in one stays there.
    """

    def json_of(text: str) -> str | None:
        parts = placeholders.scan(text)
        filled = "".join(_filled(part, given) for part in parts)
        return None if filled == text else document_text.quoted(filled)

    return document_text.replaced(document, json_of)


def _filled(part: Part, given: Mapping[str, str]) -> str:
    if isinstance(part, Placeholder) and part.kind == "parameter":
        return given.get(placeholders.joined(part.argument), "")
    return part if isinstance(part, str) else part.text
