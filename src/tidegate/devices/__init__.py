"""The devices' plane: what the service is to clients over MQTT (device reference 2 to 9).

``edge`` is one client's socket, ``server`` has the listeners; what they ask, ``plane``, is answered by ``endpoint``,
which joins them to the service. ``jobs`` and ``shadows`` carry out what devices ask for, ``notices`` and
``event_publisher`` tell them of what changed, ``journal`` writes down what of their sessions is kept.
"""
