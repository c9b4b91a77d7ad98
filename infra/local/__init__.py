"""Stand-ins for AWS on one machine, a folder per service, and the processes that run beside them."""
