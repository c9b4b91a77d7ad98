"""The HTTP API: uploads and images of one tenant."""
