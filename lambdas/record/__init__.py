"""The last step: write the image's outcome, once."""
