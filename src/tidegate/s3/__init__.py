"""The S3 endpoint: an edge of its own, in a process of its own, over ``tidegate.objects``."""
