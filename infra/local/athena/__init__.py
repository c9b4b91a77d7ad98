"""Athena on one machine: Athena's SQL and partitions, executed by the emulator's DuckDB.

Clients reach it through ``AWS_ENDPOINT_URL_ATHENA``, unchanged. What the emulator's Athena does well is
forwarded unchanged; a query is translated, its tables narrowed to the partitions that it asks for, and the
bytes that it reads are counted.
"""
