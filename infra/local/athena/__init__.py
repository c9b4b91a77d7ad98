"""Athena on one machine: SQL and partitions as Athena's, execution by the emulator's DuckDB.

Clients reach it through ``AWS_ENDPOINT_URL_ATHENA``, unchanged. What the emulator's Athena does right is
forwarded untouched; a query is translated, its tables narrowed to the partitions that it asks for, and the
bytes that it reads are counted.
"""
