"""What all AWS services have in common: signatures. Knows nothing of tidegate but the clock's unit."""
