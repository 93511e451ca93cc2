"""A folder of tasks of lm-evaluation-harness, for tests: twelve documents, and YAML that is right and wrong."""

from __future__ import annotations

import json
from pathlib import Path

CHOICES = ["alpha", "beta town", "gamma"]
_BASE = """\
dataset_path: json
test_split: test
dataset_kwargs: {data_files: {test: data/docs.jsonl}}
doc_to_text: "Question: {{q}}\\nAnswer:"
"""
_YAML = {
    "_base": _BASE,
    "choice.yaml": """\
include: _base
task: choice
output_type: multiple_choice
doc_to_choice: choices
doc_to_target: gold
metadata: {version: 1.0}
""",
    "written.yaml": """\
include: _base
task: written
output_type: generate_until
doc_to_target: "{{choices[gold]}}"
num_fewshot: 2
generation_kwargs: {until: ["\\n"], max_gen_toks: 8, do_sample: false}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true, ignore_case: true}
""",
    "last.yaml": """\
include: _base
task: last
output_type: loglikelihood
doc_to_target: " {{choices[gold]}}"
""",
    "several.yaml": "group: several\ntask: [choice, written]\n",
    "code.yaml": "include: _base\ntask: code\nprocess_docs: !function utils.run\n",
    "unsplit.yaml": "task: unsplit\ndataset_path: json\ndataset_kwargs: {data_files: data/docs.jsonl}\n",
    "rolling.yaml": "include: _base\ntask: rolling\noutput_type: loglikelihood_rolling\ndoc_to_target: q\n",
    "drawn.yaml": "include: _base\ntask: drawn\ngeneration_kwargs: {do_sample: true}\ndoc_to_target: q\n",
    "bleu.yaml": "include: _base\ntask: bleu\nmetric_list: [{metric: bleu}]\ndoc_to_target: q\n",
    "hub.yaml": "task: hub\ndataset_path: allenai/ai2_arc\ntest_split: test\noutput_type: multiple_choice\n",
    "lost.yaml": "include: _base\ntask: lost\ndataset_kwargs: {data_files: {test: data/doc.jsonl}}\n",
    "away.yaml": "include: _base\ntask: away\ndataset_kwargs: {data_files: {test: ../docs.jsonl}}\n",
    "url.yaml": "include: _base\ntask: url\ndataset_kwargs: {data_files: {test: 'https://a.b/c.jsonl'}}\n",
    "misspelt.yaml": "include: _base\ntask: misspelt\ndoc_to_texts: q\n",
    "picture.yaml": "include: _base\ntask: picture\ndoc_to_image: q\n",
    "fieldless.yaml": "include: _base\ntask: fieldless\noutput_type: loglikelihood\ndoc_to_target: '{{nothing}}'\n",
    "nosy.yaml": 'include: _base\ntask: nosy\noutput_type: loglikelihood\ndoc_to_target: "{{q.__class__.__mro__}}"\n',
    "loop.yaml": "include: loop.yaml\n",
    "broken.yaml": "task: [\n",
}


def write_tasks(root: Path) -> Path:
    folder = root / "tasks"
    (folder / "data").mkdir(parents=True)
    rows = [{"q": f"Which word is number {k}?", "choices": CHOICES, "gold": k % 3} for k in range(12)]
    (folder / "data" / "docs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, text in _YAML.items():
        (folder / name).write_text(text)
    return folder
