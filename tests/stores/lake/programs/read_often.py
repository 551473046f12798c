"""Reads the records of a lake again and again; prints how many there were each time, once."""

from __future__ import annotations

import sys

from flask_chest_parquet import ParquetConfig, ParquetStore


def main(folder: str, times: str) -> None:
    store = ParquetStore(ParquetConfig.model_validate({"path": folder}))
    store.open()
    print(*{len(list(store.records())) for _ in range(int(times))})
    store.close()


main(*sys.argv[1:])
