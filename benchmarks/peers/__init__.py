"""What Flask-Chest is compared with: other tools, database drivers, code written by hand."""
