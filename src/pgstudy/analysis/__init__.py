"""Finished runs -> tables, intervals, figures and the report."""
