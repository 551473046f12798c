"""Imports every module of the package that the argument names."""

import importlib
import pkgutil
import sys

package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.startswith("flask_chest.testing"):  # needs the extra `testing`
        importlib.import_module(module.name)
