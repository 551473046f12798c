"""Public applications, their own tests, and a client that compares two servers of one."""
