"""What the site has beside its pages: links that no page writes, and a better search."""
