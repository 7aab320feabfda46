"""From an event to its lines: flows, generations, metrics, and log events that carry metrics."""
