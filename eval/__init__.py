"""Pictures and pages that people look at; metric functions and their tables."""
