"""Forked processes, with and without threads of the pool.

Each script runs in a new interpreter. A script that hangs ends with a traceback.
"""

import os

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def test_threads_work_before_and_after_a_fork_in_parent_child_and_grandchild(run):
    run("""
    assert right()
    assert in_child(right)
    assert right()
    assert in_child(lambda: right() and in_child(right) and right())
    """)


def test_no_thread_of_the_pool_is_alive_at_the_fork(run):
    # The interpreter warns of a fork with live threads: a child inherits locks without threads.
    run("""
    assert right()
    assert _thread._count() == 1
    assert in_child(right)
    assert alive_at_fork == [0]
    assert right()
    """)


def test_a_fork_while_another_thread_computes(run):
    script = """
    assert right()
    stop = threading.Event()
    wrong = []

    def compute():
        while not stop.is_set():
            if not right():
                wrong.append(1)

    other = threading.Thread(target=compute)
    other.start()
    for _ in range(20):
        assert in_child(right)
    stop.set()
    other.join()
    assert not wrong
    """
    # This thread belongs to the user, so newer interpreters rightly warn of the fork.
    run(script, warnings="ignore::DeprecationWarning")


def test_a_fork_while_another_thread_makes_the_first_call(run):
    # The first call reads the installed distributions, with locks that no thread would release in
    # the child.
    run(
        """
        import importlib.metadata, time
        distributions, reading = importlib.metadata.distributions, threading.Event()

        def slow(**of):
            reading.set()
            time.sleep(0.2)
            return distributions(**of)

        importlib.metadata.distributions = slow
        other = threading.Thread(target=right)
        other.start()
        assert reading.wait(20)
        assert in_child(right)
        other.join()
        """,
        warnings="ignore::DeprecationWarning",
    )


def test_a_fork_while_another_thread_loads_a_variant(run):
    # The registry's lock is held during the fork; no thread would release the lock in the child.
    run(
        """
        import dropcore.plugins
        held, go_on = threading.Event(), threading.Event()
        registry = dropcore.plugins.registry()
        load = registry._load

        def slow(plugin):
            held.set()
            assert go_on.wait(20)
            return load(plugin)

        registry._load = slow
        other = threading.Thread(target=lambda: dropcore.get_variant("alpha"))
        other.start()
        assert held.wait(20)

        def alpha():
            go_on.set()
            return dropcore.get_variant("alpha").name

        assert in_child(alpha) == "alpha"
        go_on.set()
        other.join()
        """,
        warnings="ignore::DeprecationWarning",
    )


def test_a_fork_in_a_worker(run):
    # For example, the garbage collector runs a finaliser in a worker, and the finaliser forks. The
    # worker cannot wait for its own end.
    run(
        """
        from dropcore._core import threads
        ended = threading.Event()
        answers = []

        def work():
            was_right = right()
            dropcore.set_num_threads(3)  # does not wait for the parent's workers
            return was_right and right()

        def fork():
            answers.append(in_child(work))
            ended.set()

        assert right()
        threads._queue.put(fork)
        assert ended.wait(20)
        assert answers == [True]
        assert right()
        """,
        warnings="ignore::DeprecationWarning",
    )


def test_a_fork_from_another_thread(run):
    run(
        """
        assert right()
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.extend(in_child(right) for _ in range(5)))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert right()
        assert answers == [True] * 15, answers
        """,
        warnings="ignore::DeprecationWarning",
    )


def test_a_fork_by_a_signal_handler_within_a_call(run):
    # Parent and child both continue the call that the signal interrupted.
    run("""
    children, forking = [], []

    def fork(*_):
        if forking or len(children) == 10:
            return
        forking.append(True)  # stays in the child, which therefore does not fork
        pid = os.fork()
        if pid:
            children.append(pid)
            forking.clear()
        else:
            watch()

    signal.signal(signal.SIGVTALRM, fork)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.002, 0.002)
    while len(children) < 10:
        was_right = right()
        if forking:
            os._exit(0 if was_right and right() else 1)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    assert right()
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 10
    """)


def test_a_fork_while_another_thread_takes_draws(run):
    # On free-threaded builds a Stream has a lock of its own, which must be free in the child.
    run(
        """
        stream, stop = dropcore.Stream(5), threading.Event()

        def take():
            while not stop.is_set():
                stream.draw()

        others = [threading.Thread(target=take) for _ in range(2)]
        for other in others:
            other.start()

        def child():
            first = stream.position
            return [stream.draw().index for _ in range(3)] == [first, first + 1, first + 2]

        assert all(in_child(child) for _ in range(20))
        stop.set()
        for other in others:
            other.join()
        """,
        warnings="ignore::DeprecationWarning",
    )


def test_forked_children_draw_otherwise_by_default(run):
    run("""
    def default():
        return dropcore.keep_mask(256, 0.5, packed=True).tobytes()

    default()
    masks = [in_child(default), default(), in_child(default), default()]
    masks += in_child(lambda: [default(), in_child(default), default()])
    assert len(set(masks)) == 7
    """)


def test_forked_children_repeat_a_seeded_stream(run):
    run("""
    stream = dropcore.Stream(5).child("a")
    layer = dropcore.Dropout(0.5, rng=stream)
    stream.draw()

    def drawn():
        return str(stream.draw()), layer(X).tobytes()

    assert in_child(drawn) == drawn()
    assert stream.position == 3
    """)
