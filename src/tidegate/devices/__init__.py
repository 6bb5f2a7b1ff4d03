"""The devices' plane: what the service is to clients over MQTT (device reference 2 to 9).

``server`` has the listeners, ``endpoint`` joins it to the service, ``jobs`` and ``shadows`` carry out what devices ask
for, ``notices`` and ``events`` tell them of what changed, ``journal`` writes down what of their sessions is kept.
"""
