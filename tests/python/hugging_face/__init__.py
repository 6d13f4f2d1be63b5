"""Model folders, as Hugging Face's libraries read them."""
