"""Simulated devices over real sockets: they connect with certificates, run jobs and report, like any other device.

Nothing here reaches into a server. ``agent`` is what each does, ``device`` one by MQTT, ``polling`` one by HTTPS,
``fleet`` many on one event loop, ``behaviour`` what they make of a job. ``modelled`` reads that from a model,
``simulation`` lets them come and go, ``shards`` spreads them over processes. ``registration`` brings a fleet into being
through boto3, ``rollout`` carries a job to its end, and ``view`` shows it.
"""
