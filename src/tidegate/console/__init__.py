"""The console: pages for operators, made at the server, kept up to date by server-sent events.

It has no rules and no data of its own. What a page shows or does is an operation of the API, asked in the name of
whoever signed in (``http.app.App.carry_out``), so permissions, quotas and the audit log are the same ones.
"""
