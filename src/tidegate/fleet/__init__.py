"""Simulated devices over real sockets: they connect with certificates, run jobs and report, like any other device.

Nothing here reaches into a server. ``device`` is one device, ``fleet`` many of them on one event loop, ``behaviour``
what they make of a job; ``registration`` brings a fleet into being through boto3, ``rollout`` carries a job to its end,
and ``view`` shows it.
"""
