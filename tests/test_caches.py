"""The size of the last-level cache, as Linux states it."""

from dropcore._core.caches import last_level_cache


def cache(folder, index, level, size):
    (folder / index).mkdir()
    (folder / index / "level").write_text(f"{level}\n")
    (folder / index / "size").write_text(f"{size}\n")


def test_the_highest_level_counts(tmp_path):
    cache(tmp_path, "index0", 1, "32K")
    cache(tmp_path, "index3", 3, "32768K")
    cache(tmp_path, "index2", 2, "1M")
    assert last_level_cache(tmp_path) == 32 << 20


def test_what_is_not_filled_in_is_passed_over(tmp_path):
    cache(tmp_path, "index0", 1, "32K")
    cache(tmp_path, "index1", 2, "")
    cache(tmp_path, "index2", "?", "64K")
    (tmp_path / "index3").mkdir()
    assert last_level_cache(tmp_path) == 32 << 10


def test_a_system_that_does_not_say(tmp_path):
    assert last_level_cache(tmp_path) >= 0
    assert last_level_cache(tmp_path / "none") >= 0
