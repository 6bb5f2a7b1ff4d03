"""The conformance kit: what whoever claims to speak AWS IoT Jobs is expected to do, and whether an endpoint does it.

It knows nothing of the rest of tidegate: it sees an endpoint as boto3 and a device do. ``expectation`` says what an
expectation is, ``chapters`` and ``derived`` hold them, ``endpoint`` reaches the endpoint, ``run`` observes, ``report``
prints.
"""
