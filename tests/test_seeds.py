from autograder.seeds import course_key, seed_for


def test_a_seed_depends_on_every_part_and_its_borders():
    seeds = {
        seed_for("a", "b"),
        seed_for("ab"),
        seed_for("", "ab"),
        seed_for("b", "a"),
        seed_for("a", "b", ""),
    }
    assert len(seeds) == 5


def test_a_seed_is_the_same_in_every_process_and_fits_numpy():
    assert seed_for("key", "Søren", "logit_lens") == 2507822063
    assert all(0 <= seed_for(str(number)) < 2**32 for number in range(100))


def test_the_key_comes_from_the_environment_before_the_file(tmp_path, monkeypatch):
    monkeypatch.delenv("AUTOGRADER_COURSE_KEY", raising=False)
    assert course_key(tmp_path) == ""
    (tmp_path / ".course-key").write_text("from file\n")
    assert course_key(tmp_path) == "from file"
    monkeypatch.setenv("AUTOGRADER_COURSE_KEY", "from environment")
    assert course_key(tmp_path) == "from environment"
