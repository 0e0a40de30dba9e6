"""The 20 evaluation alphabets of Omniglot, each a clustering task of its own (CCN, table 1)."""

from bench.datasets.parts import Part
from bench.datasets.protocols.pair_queries import BACKGROUND
from bench.datasets.task_specs import TaskSpec, register_group, register_task

# Evaluation alphabet -> its number of characters, the K of its task.
ALPHABETS = {
    "Angelic": 20,
    "Atemayar_Qelisayer": 26,
    "Atlantean": 26,
    "Aurek-Besh": 26,
    "Avesta": 26,
    "Ge_ez": 26,
    "Glagolitic": 45,
    "Gurmukhi": 45,
    "Kannada": 41,
    "Keble": 26,
    "Malayalam": 47,
    "Manipuri": 40,
    "Mongolian": 30,
    "Old_Church_Slavonic_(Cyrillic)": 45,
    "Oriya": 46,
    "Sylheti": 28,
    "Syriac_(Serto)": 23,
    "Tengwar": 25,
    "Tibetan": 42,
    "ULOG": 26,
}

for _alphabet, _characters in ALPHABETS.items():
    register_task(
        TaskSpec(
            f"omniglot/{_alphabet}",
            "cluster",
            f"the {_characters} characters of an evaluation alphabet, background auxiliary",
            Part("omniglot", "evaluation", {"alphabet": (_alphabet,)}),
            _characters,
            auxiliary=BACKGROUND,
            related={"similarity": "omniglot/similarity"},
        )
    )

register_group("omniglot/alphabets", (f"omniglot/{alphabet}" for alphabet in ALPHABETS))
