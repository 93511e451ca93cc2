"""E06xx sources and the store."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

SOURCES: tuple[CodeInfo, ...] = (
    CodeInfo(
        "E0600",
        "a source that is not understood",
        "A source is `hf:org/name@revision`, `file:path`, `pypi:package==version#path/in/wheel` or, for data, "
        "`python:module` or `lm-eval:folder#task`. A package needs its exact version, so that the same recipe means the same bytes.",
    ),
    CodeInfo(
        "E0601",
        "a file or folder that is not there",
        "`file:` paths are relative to the folder of the recipe. Check the spelling, or give an absolute path.",
    ),
    CodeInfo(
        "E0602",
        "a package or version that is not there",
        "The package index has no wheel of that name and version that installs without compiling.",
    ),
    CodeInfo(
        "E0603",
        "a path that is not in the wheel",
        "What stands behind `#` names one file, or one folder, inside the wheel.",
    ),
    CodeInfo(
        "E0604",
        "the network cannot be reached",
        "The source is not in the cache and its host did not answer. What was fetched once is never fetched again.",
    ),
    CodeInfo(
        "E0605",
        "a download that is incomplete or damaged",
        "The bytes that arrived are not those that were announced. Nothing of them is kept; run again.",
    ),
    CodeInfo(
        "E0606",
        "a folder or file that is no model",
        "A model is a Hugging Face folder (config.json and *.safetensors) or a GGUF file. Weights in pickle files "
        "(pytorch_model.bin) are refused, since reading them runs code.",
    ),
    CodeInfo(
        "E0607",
        "an archive that is not safe to unpack",
        "A member of the wheel would be written outside its folder, or is far larger than it claims to be.",
    ),
    CodeInfo(
        "E0608",
        "a repository, revision or file that the hub does not give",
        "The hub answered that it is not there, or that it is not public. Private and gated models need a token: "
        "`hf auth login`, or the variable HF_TOKEN.",
    ),
    CodeInfo(
        "E0609",
        "data that cannot be read",
        "Text is UTF-8. Of a .jsonl, .json, .csv, .tsv or .parquet file every row has its text under `field` (`text` unless the "
        'recipe says `{ field = "..." }`); the first line of .csv and .tsv names the columns. How a file is read is said by its '
        "ending. Spreadsheets, archives, arrays, markup and other binary files are refused: save their text in one of these forms.",
    ),
    CodeInfo(
        "E0610",
        "a module without text",
        "`python:module` reads the source file of an importable module without running it: its dictionaries of "
        "texts, else its docstrings; `python:module#code` its code.",
    ),
    CodeInfo(
        "E0611",
        "a slice that holds no document",
        "A document belongs to the slice in which it starts. A slice narrower than the documents may hold none.",
    ),
    CodeInfo(
        "E0612",
        "a checkpoint that is quantized already",
        "Passes start from float weights. Take the original checkpoint, or a GGUF file, which is dequantized.",
    ),
    CodeInfo(
        "E0613",
        "a GGUF file that cannot be imported",
        "Its architecture is not known to transformers, its tokenizer could not be reproduced exactly, or the file "
        "is cut short.",
    ),
    CodeInfo(
        "E0614",
        "a model without weights",
        "The source is the configuration of a model (`file:NAME.json`): enough for `check` and `plan`, which only do "
        "arithmetic with its shapes. A build needs the weights: name a folder, a package or a repository that holds them.",
    ),
    CodeInfo(
        "E0615",
        "lm-eval is not installed",
        "Tasks are scored by EleutherAI's lm-evaluation-harness, which is large and therefore optional: "
        "`pip install 'infopt-compiler[lm-eval]'`.",
    ),
    CodeInfo(
        "E0616",
        "a task that the folder does not have",
        "`lm-eval:folder#task` names one task by the `task:` of a YAML file in the folder (or below it). Groups and tags stand "
        "for several tasks: name each in a `data` statement of its own.",
    ),
    CodeInfo(
        "E0617",
        "a task whose data are not at hand",
        "A task is scored on files of its own folder, so that a recipe means the same documents everywhere: `dataset_path` is "
        "json, csv, parquet or text, and `dataset_kwargs: {data_files: ...}` names files relative to the folder. Nothing "
        "is fetched from the hub: save the documents once, beside the YAML file.",
    ),
    CodeInfo(
        "E0618",
        "a task that cannot be scored",
        "The output types `multiple_choice`, `loglikelihood` and `generate_until` (greedy, by `exact_match`) have an accuracy. "
        "`loglikelihood_rolling` is a perplexity: use the metric of that name on a text.",
    ),
    CodeInfo(
        "E0619",
        "a task that is more than its YAML and data",
        "A task is described, not programmed: `!function`, `process_docs`, `custom_dataset` and the like run code of whoever "
        "wrote the folder, and are refused. The same code says what lm-eval complains of: a template without its field, a split "
        "that the data do not have.",
    ),
    CodeInfo(
        "E0620",
        "a corrupt entry of the store",
        "The bytes on disk are not those that were written. The entry is set aside and its pass runs again. "
        "When this happens more than once, check the disk.",
    ),
    CodeInfo(
        "E0621",
        "pyarrow is not installed",
        "Parquet files are read with pyarrow, which is large and therefore optional: `pip install 'infopt-compiler[parquet]'`.",
    ),
    CodeInfo(
        "E0622",
        "a `field` of text that has none",
        "`field` names the column or key that holds the text of a row: of .jsonl, .json, .csv, .tsv and .parquet. Other text has no rows.",
    ),
    CodeInfo(
        "E0623",
        "rows without the `field`",
        'The text of a row stands under `text`, or under what the recipe names: `data logs = "file:logs.csv" { field = "prompt" }`. The first '
        "megabyte of a local file is looked into by `check`; the rest when a build reads it, before any pass runs.",
    ),
)
