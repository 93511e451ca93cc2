"""E04xx: artifacts, passes and budgets."""

from __future__ import annotations

from infopt_compiler.diagnostics.codes.info import CodeInfo

MEANING: tuple[CodeInfo, ...] = (
    CodeInfo(
        "E0401",
        "artifact of the wrong kind",
        "Each pass takes certain kinds of artifacts and gives one: a model of PyTorch weights (HFModel), integer weights "
        "(QuantizedModel), an ONNX folder (OnnxModel), one of pipeline stages (OnnxStages), text (TextData), a task (TaskData, for budgets only). `infopt-compile passes NAME` shows them.",
    ),
    CodeInfo("E0402", "missing artifact", "The pass needs this artifact, and the call does not give it."),
    CodeInfo(
        "E0403",
        "positional argument out of place",
        "Artifacts may be given by position, in the order of the pass and before the named arguments. Parameters are always "
        "given by name.",
    ),
    CodeInfo("E0404", "missing parameter", "The parameter has no default, so the call must give it."),
    CodeInfo(
        "E0410",
        "parameters that do not go together",
        "The pass looked at its parameters, and at the model where its shapes are known already, and refuses them. Nothing "
        "was run.",
    ),
    CodeInfo(
        "E0411",
        "model larger than the target's memory",
        "The weights alone exceed the memory of the target, before any KV cache. A smaller model, fewer bits or a larger "
        "target would do.",
    ),
    CodeInfo(
        "E0420",
        "unknown metric",
        "The metrics and their meaning are in docs/language.md; the help names the nearest.",
    ),
    CodeInfo(
        "E0421",
        "metric without its aggregate",
        "The metric has one value per request, gap or token. A bound says which statistic of them it means: `ttft.p95`, "
        "never `ttft`.",
    ),
    CodeInfo(
        "E0422",
        "unknown aggregate",
        "The metric does not have this statistic, or it is one value and has none.",
    ),
    CodeInfo(
        "E0423",
        "same bound twice",
        "Two bounds on one metric must differ in operator, severity (`warn`) or data, or one is `of last`; else one of them says nothing.",
    ),
    CodeInfo(
        "E0424",
        "quality without text",
        "Quality is measured on text: `on` names a `data` binding, held out from passes.",
    ),
    CodeInfo(
        "E0425",
        "comparison without a reference",
        "`kl` and `top1` compare each token with a reference model: `kl.mean <= 0.05 nats vs base on heldout`. There is no "
        "hidden baseline.",
    ),
    CodeInfo(
        "E0426",
        "clause without meaning",
        "`of`, `vs`, `on` and `at` belong to certain metrics only, and to bounds of budgets; docs/language.md has the table.",
    ),
    CodeInfo(
        "E0427",
        "time or memory without a scenario",
        "Times, rates and memory depend on the requests that are served: name a scenario, `budget NAME under SCENARIO { ... }`.",
    ),
    CodeInfo(
        "E0428",
        "relative limit that says nothing",
        "`105% of base` is a limit relative to a binding's own value. A percentage of nothing, another unit with `of`, or "
        "`of` with a metric that is a share or a comparison already has no meaning; any metric may be compared with the previous "
        "build, `99% of last`.",
    ),
    CodeInfo(
        "E0429",
        "two budgets of one name",
        "A binding has one budget; a further one takes a name: `budget chat as rag under long_prompts { ... }`.",
    ),
    CodeInfo(
        "E0430",
        "not deployable",
        "Budgets hold for the artifact that ships, loaded by the runtime that a user would use: the result of `export`, `shard` "
        "or `tune`, or a float model as transformers serves it. Integer weights that are not exported are served by nothing.",
    ),
    CodeInfo(
        "E0431",
        "judged on its own calibration text",
        "Text that calibrates a pass and text on which the result is judged overlap, so the quality figure flatters. Use "
        "ranges apart, such as `[0% .. 60%]` and `[80% .. 100%]`. This is a warning.",
    ),
    CodeInfo(
        "E0432",
        "bounds that exclude each other",
        "No value can meet both bounds: the upper limit lies below the lower one.",
    ),
    CodeInfo(
        "E0433",
        "impossible confidence",
        "A confidence is at least 50% and below 100%: no finite sample gives an interval that holds the value with certainty.",
    ),
    CodeInfo(
        "E0435",
        "bound in the bad direction",
        "The bound is met by being slow, large or bad: `throughput <= 80 tok/s`. Probably the operator is turned around. "
        "This is a warning.",
    ),
    CodeInfo(
        "E0436",
        "time between tokens, and only one token",
        "`tpot`, `itl`, `decode` and `mbu` are measured between output tokens, so the scenario must generate two at least.",
    ),
    CodeInfo(
        "E0437", "empty budget", "A budget without bounds judges nothing; write bounds or leave it out."
    ),
    CodeInfo(
        "E0438",
        "goodput without latency bounds",
        "Goodput counts the requests that meet their SLO: the upper latency bounds of the budget, without relative ones and those that "
        "only warn. This budget has none, so every request would count. Add one, such as `ttft.p95 <= 600 ms`.",
    ),
    CodeInfo(
        "E0440",
        "gain without distillation",
        "`gain` is the NLL of the control (the same student trained without the teacher) minus that of the distilled student. The pass "
        "`distill` trains that control, so the budget's subject must be made from the result of a `distill`.",
    ),
    CodeInfo(
        "E0441",
        "metric of another kind of model",
        "Decoders write tokens, encoders embed texts: `tpot`, `throughput`, `perplexity`, `kl` and the like say nothing of an "
        "encoder, `forward`, `samples`, `cosine` and `ranking` nothing of a decoder. Where the model is not fetched yet its "
        "kind is not known, and the build says it before anything is timed (E0909).",
    ),
    CodeInfo(
        "E0442",
        "rate that the scenario cannot reach",
        "In mode `server` requests arrive at `rate`, so no more than that many can be answered per second, and no more tokens than they "
        "have. To measure the highest throughput of a machine, use a scenario of mode `offline`.",
    ),
    CodeInfo(
        "E0443",
        "compared with itself",
        "The bound compares the artifact that the budget judges with itself: the ratio is always 100%. Name "
        "the model that it was made from, or another export.",
    ),
    CodeInfo(
        "E0444",
        "upper percentile of a metric where more is better",
        "`decode.p95 >= 20 tok/s` says that the fastest 5% of requests reach 20 tok/s; the others may be as slow as they like. To bound "
        "the slow requests, bound the time instead: `tpot.p95 <= 50 ms`. This is a warning.",
    ),
    CodeInfo(
        "E0445",
        "text where a task is needed, or a task where text is",
        "`accuracy` is measured on a task (`lm-eval:folder#task`), all other quality on text, and prompts are text, too. "
        "`accuracy.norm` weighs choices by their length, so only tasks of the output type `multiple_choice` have it.",
    ),
    CodeInfo(
        "E0446",
        "requests longer than the context",
        "A request's prompt and output, or the scenario's `context`, must fit the model. It is said as soon as the model's "
        "shapes are known: of one that was never fetched, when it is measured (E0909).",
    ),
    CodeInfo(
        "E0447",
        "encoder that is to generate",
        "Encoders give vectors and generate no tokens, so `generate` is ignored. Write `generate = 0 tokens`. This is a warning.",
    ),
)
