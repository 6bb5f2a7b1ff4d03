"""The AWS policy language, as AWS IoT evaluates it (device reference 8.1 to 8.4).

Three steps, each done as rarely as its input changes:

1. ``parse`` reads one document (``document``). Once per stored policy version.
2. ``bind`` fixes a context (client id, certificate, address): substitutes variables, settles conditions, and drops what
   cannot match (``binding``, ``templates``, ``conditions``). Once per connection.
3. ``Bound.allows`` answers one ``(action, resource)`` (``patterns``). Once per packet; ``Bound.decide`` says why.

The rules: an explicit Deny wins, else any Allow, else no. MQTT's ``+`` and ``#`` are ordinary text. A resource with a
variable that has no value matches nothing, whatever the effect (``core/variables``).

Which policies apply, and which variables exist, is the caller's knowledge; nothing here knows IoT but
``refuses_for_iot``.
"""

from tidegate.core.policy.binding import Bound, Decision, Explanation, Skipped, bind
from tidegate.core.policy.document import Policy, Statement, parse
from tidegate.core.policy.malformed import MalformedPolicyError
from tidegate.core.policy.templates import ContextValues, Refuses, refuses_for_iot

__all__ = [
    "Bound",
    "ContextValues",
    "Decision",
    "Explanation",
    "MalformedPolicyError",
    "Policy",
    "Refuses",
    "Skipped",
    "Statement",
    "bind",
    "parse",
    "refuses_for_iot",
]
