"""A plugin with one hook."""

from flask_chest import hookimpl


@hookimpl
def chest_filter_variables(variables):
    pass
