"""The handlers' side of AWS: clients, environment, and what each store is asked."""
