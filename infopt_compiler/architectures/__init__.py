"""One description for each family of models, as data: nothing else knows the name of a tensor or of a configuration's key.

To add one, write a file here (or a package that registers it by entry point) and list it: see docs/architecture.md.
"""

from infopt_compiler.architectures.family import Ability, Family, Names, Purpose, Refusal
from infopt_compiler.architectures.keys import Keys, Scales, Window
from infopt_compiler.architectures.numbers import Numbers, Rope, read_numbers
from infopt_compiler.architectures.parts import Bias, Block, Linear, Norm, NormKind, Place, Role, Site
from infopt_compiler.architectures.registry import able, families, family_of, find_family

__all__ = [
    "Ability",
    "Bias",
    "Block",
    "Family",
    "Keys",
    "Linear",
    "Names",
    "Norm",
    "NormKind",
    "Numbers",
    "Place",
    "Purpose",
    "Refusal",
    "Role",
    "Rope",
    "Scales",
    "Site",
    "Window",
    "able",
    "families",
    "family_of",
    "find_family",
    "read_numbers",
]
