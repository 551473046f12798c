"""Long work on what is stored: erasure, copies, and dead letters that are sent again."""
