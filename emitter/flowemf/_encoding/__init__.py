"""From values to bytes: which metrics stand under which dimension sets, and the JSON of one line. Pure."""
