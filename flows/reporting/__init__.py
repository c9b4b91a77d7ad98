"""What a report is made of: queries of the access log, rendered notebooks, and the pages that are published."""
