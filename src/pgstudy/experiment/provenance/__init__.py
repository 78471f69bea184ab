"""What made a run: its code, versions and machine."""
