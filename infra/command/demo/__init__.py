"""The demo: pictures go in through the upload API and come back through the edge, each one accounted for."""
