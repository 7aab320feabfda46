"""The pure middle: bytes, lines, events, aggregates, requests. It opens nothing, sleeps nowhere and reads no clock."""
