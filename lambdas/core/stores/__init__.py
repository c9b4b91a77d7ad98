"""Access to stored data: one module for each kind of table or bucket."""
