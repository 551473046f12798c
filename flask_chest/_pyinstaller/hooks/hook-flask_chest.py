"""What PyInstaller does not see: installed plugins, their files, and what a name imports."""

from PyInstaller.utils.hooks import collect_data_files, collect_entry_point, collect_submodules


def is_served(module: str) -> bool:
    """Leave out what is for tests, and would bring pytest along."""
    return not module.startswith("flask_chest.testing")


datas, plugins = collect_entry_point("flask_chest")
packages = sorted({"flask_chest", *(plugin.partition(".")[0] for plugin in plugins)})
hiddenimports = [name for each in packages for name in collect_submodules(each, is_served)]
for package in packages:
    datas += collect_data_files(package)
