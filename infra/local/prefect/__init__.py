"""A Prefect server on one machine, with its database in the stack's state folder."""
