"""What commands that ask say while the database is away."""

from __future__ import annotations


def test_the_records_that_wait_in_the_journal_are_counted(place):
    app = place.folder / "app.py"
    made = 'FlaskChest(app, exporters="postgresql://u@127.0.0.1:9/shop")'
    app.write_text(app.read_text().replace("FlaskChest(app)", made))
    place.run("record_three.py", code=0)
    for command in ("query", "routes"):
        done = place.flask(command, code=1)
        assert "3 records in the journal wait for it" in done.stderr
