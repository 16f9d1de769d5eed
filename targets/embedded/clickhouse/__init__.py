"""ClickHouse's engine (chDB, in this process) behind ClickHouse's HTTP interface.

What clients meet here is what the official server shows over HTTP: authentication, formats, parameters, settings,
error codes. Not carried over: users other than the one given, state of sessions (``session_id`` is accepted and
nothing outlives a request), external tables, compressed responses, and results are sent when they are complete.
"""
