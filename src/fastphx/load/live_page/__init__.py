"""A run's report as a page of its own process, to be watched while it grows."""
