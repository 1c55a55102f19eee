"""Measures Groundwork beside its peers and beside the limit."""
