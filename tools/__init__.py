"""Development tools: run with ``python -m tools.<name>``. Nothing here is shipped."""
