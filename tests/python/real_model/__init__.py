"""A trained model and prompts that it answers."""
