"""Random configs of every family that patchsweep reads, and what transformers computes with them."""
