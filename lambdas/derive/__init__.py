"""The third step, once for each group: draw derivatives and store them."""
