"""Where metrics are brought to."""
