"""Send the records of Flask-Chest to an HTTP endpoint."""
