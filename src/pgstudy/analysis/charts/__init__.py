"""Interactive charts of the report: Vega-Lite, drawn in the reader's browser."""
