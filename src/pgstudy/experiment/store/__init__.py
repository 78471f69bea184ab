"""The run store, and what there differs from what would be made now."""
