"""Why metrics do not show up: what was looked at goes in, what was found and what to do comes out; all of it pure."""
