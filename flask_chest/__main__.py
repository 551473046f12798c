"""`python -m flask_chest`, the same as the program `flask-chest`."""

from flask_chest.cli.standalone import main

if __name__ == "__main__":
    main()
