"""Reports: queries of the access log, notebooks rendered to pages, and their publication."""
