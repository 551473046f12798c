"""A plugin with the exporter type `theirs`."""

from pydantic import BaseModel

from flask_chest import Exporter, hookimpl


class Config(BaseModel):
    url: str = ""


class Theirs(Exporter):
    type = "theirs"
    schemes = ("https",)
    config_model = Config

    def open(self):
        pass

    def export(self, batch):
        pass

    def close(self):
        pass


@hookimpl
def chest_exporters():
    return [Theirs]
