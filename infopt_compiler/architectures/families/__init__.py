"""The families that come with the compiler: a file is a `model_type` of config.json (`-` as `_`), its `FAMILY` the description."""
