"""MQTT 3.1.1 and 5 with the rules of AWS IoT Core.

``codec`` knows bytes, ``topics`` names, ``subscriptions`` who wants what, ``session`` one client, ``broker`` all of
them; none of these touches a socket or a clock. ``deadlines`` says when silence is over. Sockets are ``devices.edge``.
"""
