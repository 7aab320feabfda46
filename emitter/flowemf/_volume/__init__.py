"""Fewer and shorter lines with the same numbers: merging, sampling, and the bound on series."""
