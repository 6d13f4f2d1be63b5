"""One module for each file of scores."""
