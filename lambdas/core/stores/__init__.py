"""Access to stored data: one module for each table, bucket and kind of secret."""
