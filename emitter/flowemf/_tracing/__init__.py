"""Which trace a line belongs to, and OpenTelemetry spans for those who want them."""
