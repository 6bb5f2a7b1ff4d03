"""tidegate: AWS IoT Jobs, self-hosted and executed."""

__version__ = "0.1.0"
