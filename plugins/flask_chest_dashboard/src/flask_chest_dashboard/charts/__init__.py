"""Charts that the server draws as SVG. Their tables are on the page, too."""
