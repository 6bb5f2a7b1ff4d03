"""The only code that knows SQL.

``database`` is the seam, ``sqlite`` and ``postgres`` are its two drivers, ``queries/*.sql`` holds the named statements
and ``migrations/*.sql`` the schema. Every other module here is one noun (templates, jobs, executions, things, …): one
typed function per statement. Nothing in this package reads a clock, decides a rule, or knows an edge.
"""
