"""Pipeline step 2: metadata, a check that the pixels can be decoded, and the plan for drawing."""
