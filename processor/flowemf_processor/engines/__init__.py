"""Where lines are read: in this process, or in several at once."""
