"""The pipeline's third step, once per group of variants: draw derivatives and store them."""
