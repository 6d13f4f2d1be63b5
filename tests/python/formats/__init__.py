"""One module for each file of scores, and one for what documents say about them."""
