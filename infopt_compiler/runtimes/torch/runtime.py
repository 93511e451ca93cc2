"""transformers, as data: an encoder answers with vectors, so it is a runtime of its own."""

from __future__ import annotations

from infopt_compiler.artifacts.layouts import FLOAT_DECODER, FLOAT_ENCODER, INTEGER_DECODER
from infopt_compiler.runtimes.protocol import Answers, Runtime

DECODER = Runtime(
    name="transformers",
    serves=(FLOAT_DECODER,),
    server="infopt_compiler.runtimes.torch.decoder:TransformersServer",
    distributions=("torch", "transformers"),
    scores=(FLOAT_DECODER, INTEGER_DECODER),
    scorer="infopt_compiler.runtimes.torch.score:open_scorable",
)
ENCODER = Runtime(
    name="transformers encoder",
    serves=(FLOAT_ENCODER,),
    server="infopt_compiler.runtimes.torch.encoder:TorchEncoderServer",
    distributions=("torch", "transformers"),
    answers=Answers.vectors,
)
