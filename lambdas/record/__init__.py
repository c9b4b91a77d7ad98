"""The pipeline's last step: write the image's outcome, once."""
