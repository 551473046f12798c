"""Public applications: their own tests with tracking, and a comparison of two servers."""
