"""The operations and the sweeps: plain synchronous functions of (transaction, call, request).

One file a noun. A function here knows no edge: it is the same for HTTP, MQTT and the engine.
"""
