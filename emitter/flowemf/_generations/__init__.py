"""What a model's response says about tokens, and what they cost."""
