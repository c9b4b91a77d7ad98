"""The second step: what the picture is, whether its pixels can be read, and how to share out the drawing."""
