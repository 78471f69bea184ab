"""N environments stepped at once: base <- list | vector | envpool <- factory."""
