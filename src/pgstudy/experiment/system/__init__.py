"""What is used of the operating system: files, logs, addresses, processes."""
