"""What of an operator's choice a running server takes up without a restart."""

from __future__ import annotations

from tidegate.server.assembly import Running
from tidegate.server.options import Options
from tidegate.server.service import limits_of


async def take_up(running: Running, begun: Options, old: Options, new: Options) -> list[str]:
    """Go on with other quotas, request rates and hooks; which of them are others than before.

    Documents that are larger than the listeners were opened for (as ``begun`` says) wait for a restart. The audit log
    tells of it.

    Raises:
        StoreError: the audit log cannot be written; nothing was changed.
    """
    document_bytes = min(limits_of(new).document_bytes, limits_of(begun).document_bytes)
    limits = limits_of(new)._replace(document_bytes=document_bytes)
    changed = [
        *(["quotas"] if limits != running.service.settings.limits else []),
        *(["throttles"] if new.throttles != old.throttles else []),
        *(["hooks"] if (new.hooks, new.hook_hosts) != (old.hooks, old.hook_hosts) else []),
    ]
    if changed:
        await running.auditor.note("ReloadServer", {"changed": changed})
        running.service.choose(limits, new.hooks or {}, new.hook_hosts)
        running.app.choose(new.throttles)
    return changed
