"""E09xx targets, measuring and judging."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

MEASURE: tuple[CodeInfo, ...] = (
    CodeInfo(
        "E0901",
        "unknown target",
        "A target names the machine that will serve: `cpu` is this machine, the others are descriptions. "
        "`target=` on the command line takes the same names.",
    ),
    CodeInfo(
        "E0902",
        "the serving process failed",
        "An artifact is measured in a fresh process, as a user would run it. That process ended without an "
        "answer: its last words are in the note. Open the artifact yourself with "
        "`onnxruntime_genai.Model(path)` to see the same.",
    ),
    CodeInfo(
        "E0903",
        "the serving process did not answer in time",
        "One block of requests took longer than the time allowed for it, so the process was ended. Serve "
        "shorter requests in the scenario, or measure with a preset that allows more time.",
    ),
    CodeInfo(
        "E0904",
        "an artifact of this kind cannot be served or scored",
        "Each runtime says which layouts of artifacts it serves and which it scores text with: onnxruntime-genai exported "
        "decoders, onnxruntime exported encoders and pipeline stages, transformers float folders, ranks sharded ones. Export "
        "the model first. Where a package has a runtime for it, the notes say why that could not be used.",
    ),
    CodeInfo(
        "E0905",
        "tokenizers differ",
        "Perplexity, KL and top-1 agreement compare token by token, so both models must cut the text into the "
        "same ids and have the same vocabulary. Across tokenizers only `bits_per_byte` compares.",
    ),
    CodeInfo(
        "E0906",
        "the runtime's tokenizer disagrees with tokenizer.json",
        "The artifact's own tokenizer, as the serving runtime reads it, gives other ids than its tokenizer.json. "
        "Such an artifact answers nonsense whatever its weights are.",
    ),
    CodeInfo(
        "E0907",
        "not enough text",
        "The held-out data has no whole window of tokens. Take a larger range of the data or a smaller `window`.",
    ),
    CodeInfo(
        "E0908",
        "the scoring process failed",
        "The process that computes the model's logits over the held-out text ended without an answer; its last "
        "words are in the note.",
    ),
    CodeInfo(
        "E0909",
        "a bound that cannot be measured",
        "The bound needs something that was not given: a scenario for requests, data for quality, a reference "
        "for a comparison, or the model's shapes for `mbu` and `bits_per_weight`.",
    ),
    CodeInfo(
        "E0910",
        "logits that are not finite",
        "The model gives infinite or undefined logits on the held-out text, so its quality cannot be "
        "measured. The message names the model and the text. Most often its weights are damaged, or a pass broke them.",
    ),
    CodeInfo(
        "E0911",
        "this machine cannot be probed",
        "The constants of `target cpu` (bandwidth, arithmetic) are measured once by a small process, and kept in the "
        "cache folder. That process failed, or the folder cannot be written: the message says which.",
    ),
    CodeInfo(
        "E0912",
        "the machine is busy",
        "Other processes use more than a tenth of the cores that may be used, or the control group's quota stops the "
        "serving process, and `measure.refuse_busy=true` asks for an error then. Without it the report has a note, "
        "and a time bound that looks missed is inconclusive.",
    ),
    CodeInfo(
        "E0913",
        "a bound is out of reach",
        "The bytes that must be read, the operations that must be done, or the weights themselves already exceed the "
        "bound on this target, with more bandwidth and arithmetic granted than was measured. Nothing was run, and the "
        "exit status is that of a missed bound, 3. `--force` builds anyway.",
    ),
    CodeInfo(
        "E0914",
        "the history of builds cannot be used",
        "Every build is appended to `outputs/history.sqlite`, which bounds `of last` and `infopt-compile history` read. Of a "
        "file that is damaged, of a later version or without the right to write, a build only warns; its bounds `of last` are "
        "inconclusive where it cannot be read. Move a damaged file away: the next build begins a new one.",
    ),
)
