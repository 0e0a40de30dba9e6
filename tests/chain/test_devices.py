"""What a GPU computed and what a CPU did are told apart: tables, files, references."""

from harness import make_plan, write_experiment

from bench.report import reference


def test_tables_of_a_gpu_are_called_so(tmp_path):
    toml = write_experiment(tmp_path / "e.toml", "digits/cluster", [{"method": "kmeans"}])
    given = {"kmeans": {"n_init": 3}}
    assert make_plan(toml).shown == "quick"
    assert make_plan(toml, device="cuda").shown == "quick, cuda"
    assert make_plan(toml, device="cuda", given=given).shown == "quick, cuda, kmeans.n_init=3"


def test_a_gpus_numbers_are_held_against_a_cpus_where_they_have_no_reference(tmp_path):
    toml = write_experiment(tmp_path / "e.toml", "digits/cluster", [{"method": "kmeans"}])
    plan = make_plan(toml, device="cuda")
    (one,) = plan.experiments
    assert reference.nearest(one, plan, tmp_path).name == "e-quick.csv"
    own = reference.path_of(one, plan.shown, tmp_path)
    own.touch()
    assert reference.nearest(one, plan, tmp_path) == own
    assert reference.nearest(one, make_plan(toml), tmp_path).name == "e-quick.csv"
