"""Real servers, waiting and factories for tests; usable without pytest too (context managers)."""
