"""The expectations that were written by hand, a module for each part of the service."""
