"""Made again, or packed to be made again."""
