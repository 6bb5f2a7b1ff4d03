"""The unit of work as the edges use it: hand over a handler, await its durable result; effects leave after it."""
