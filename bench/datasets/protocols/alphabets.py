"""The 20 evaluation alphabets of Omniglot, each a clustering task of its own (CCN, table 1)."""

from bench.datasets.parts import Part
from bench.datasets.protocols.pair_queries import BACKGROUND, ask
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

# The batches in which the released code learns clusters.
BATCHES = {"batch": 100, "n_batches": 20}

for _alphabet, _characters in ALPHABETS.items():
    _part = Part("omniglot", "evaluation", {"alphabet": (_alphabet,)})
    register_task(
        TaskSpec(
            f"omniglot/{_alphabet}",
            "cluster",
            f"the {_characters} characters of an evaluation alphabet, background auxiliary",
            _part,
            _characters,
            auxiliary=BACKGROUND,
            related={"similarity": "omniglot/similarity"},
        )
    )
    ask(
        "omniglot/similarity",
        f"omniglot/{_alphabet}-pairs",
        _part,
        _characters,
        summary=f"batches of {BATCHES['batch']} images",
        setting=BATCHES,
    )

register_group("omniglot/alphabets", (f"omniglot/{alphabet}" for alphabet in ALPHABETS))
register_group("omniglot/alphabet-pairs", (f"omniglot/{alphabet}-pairs" for alphabet in ALPHABETS))
