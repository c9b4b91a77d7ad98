"""What a file's own structure says, read without libvips and before any pixel is decoded."""
