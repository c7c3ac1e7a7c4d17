"""The requests that the server refuses. Each attack fails with the check, and works without it.

The second attempt shows that the check refuses the attack, and that the attack itself has no
mistake.
"""

import ast
import asyncio
import contextlib
import inspect
from pathlib import Path

import dropcore_lab
import pytest
import tornado.httpclient
from dropcore_lab import export, fields, link, messages, reading, security, server
from dropcore_lab.variants import usable
from helpers import SMALL, changed
from serving import Client, Idle, get, serving

EVIL = "http://evil.example"


def served(attack, patches=()):
    """True if a server without some of its checks answers an attack."""

    async def run():
        with contextlib.ExitStack() as stack:
            for owner, name, replacement in [(server, "Process", Idle), *patches]:
                patched = stack.enter_context(pytest.MonkeyPatch.context())
                patched.setattr(owner, name, replacement)
            async with serving() as one:
                return await attack(one)

    return asyncio.run(run())


def always(*args):
    return True


# ---------------------------------------------------------------- Host and Origin


def host(name):
    return lambda one: name.format(port=one.port, other=one.port + 1)


HOSTS = [
    "evil.example:{port}",
    "127.0.0.1:{other}",
    "127.0.0.1",
    "localhost",
    "localhost:{other}",
    "127.0.0.1.evil.example:{port}",
    "127.0.0.1:{port}.evil.example",
    "evil.example",
    "0.0.0.0:{port}",
    "[::1]:{port}",
    "127.0.0.2:{port}",
    "",
]


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("path", [*server.FILES, "/other"])
def test_a_page_of_another_name_gets_no_file(name, path):
    async def attack(one):
        answer = await get(one, path, Host=host(name)(one))
        return answer.code in (200, 404) and bool(answer.body)

    assert not served(attack)
    assert served(attack, [(security, "is_own_host", always)])


@pytest.mark.parametrize("name", HOSTS[:4])
def test_a_page_of_another_name_gets_no_websocket(name):
    async def attack(one):
        return await connects(one, Host=host(name)(one))

    assert not served(attack)
    assert served(attack, [(security, "is_own_host", always)])


async def connects(one, **headers):
    with contextlib.suppress(tornado.httpclient.HTTPClientError):
        await Client.greeted(one, **headers)
        return True
    return False


ORIGINS = [
    EVIL,
    "http://127.0.0.1:{other}",
    "http://127.0.0.1",
    "https://127.0.0.1:{port}",
    "http://localhost",
    "null",
    "http://127.0.0.1:{port}.evil.example",
    "http://127.0.0.1:{port}/",
    "",
]


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_page_of_another_origin_cannot_connect(origin):
    async def attack(one):
        return await connects(one, Origin=host(origin)(one))

    assert not served(attack)
    assert served(attack, [(security, "is_own_origin", always)])


@pytest.mark.parametrize("origin", ORIGINS[:4])
def test_a_page_of_another_origin_gets_no_file(origin):
    async def attack(one):
        return (await get(one, "/lab.js", Origin=host(origin)(one))).code == 200

    assert not served(attack)
    assert served(attack, [(security, "is_own_origin", always)])


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST"])
def test_the_own_page_is_served(name):
    async def visit(one):
        own = f"{name}:{one.port}"
        page = await get(one, "/", Host=own)
        return page.code == 200 and await connects(one, Host=own, Origin=f"http://{own}")

    assert served(visit)


def test_a_client_without_an_origin_still_needs_the_token():
    async def attack(one):
        client = await Client.connect(one, Origin=None)
        client.say("hello", token="guess")
        return await client.closed() != 4003

    assert not served(attack)
    assert served(lambda one: connects(one, Origin=None))


# -------------------------------------------------------------------------- token


@pytest.mark.parametrize(
    "token",
    [None, "", "guess", 7, True, [], {}, "é", "\ud800", "the token with more", "half of it"],
)
def test_without_the_token_nothing_is_served(token):
    async def attack(one):
        given = (
            {
                "the token with more": one.token + "x",
                "half of it": one.token[:20],
            }.get(token, token)
            if isinstance(token, str)
            else token
        )
        client = await Client.connect(one)
        client.say("hello", token=given)
        code = await client.closed()
        assert not client.got
        return code != 4003

    async def attack_without_check(one):
        client = await Client.connect(one)
        client.say("hello", token=token)
        return (await client.comes("ready"))["type"] == "ready"

    assert not served(attack)
    assert served(attack_without_check, [(security, "is_token", always)])


@pytest.mark.parametrize(
    "first", ['{"type": "run", "action": "play"}', "{", "[]", "null", '{"type": "spec"}']
)
def test_the_first_message_has_to_be_the_greeting(first):
    async def attack(one):
        client = await Client.connect(one)
        client.send(first)
        client.say("hello", token=one.token)
        return await client.closed() != 4003

    assert not served(attack)


def test_a_greeting_that_does_not_come_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(security, "GREETING_WITHIN", 0.2)

    async def attack(one):
        client = await Client.connect(one)
        try:
            return await client.closed(seconds=2) != 4003
        except TimeoutError:
            return True

    assert not served(attack)
    assert served(attack, [(security, "GREETING_WITHIN", 100.0)])


def test_the_greeting_is_waited_for_five_seconds():
    assert security.GREETING_WITHIN == 5


def test_a_token_has_256_bits_and_is_compared_in_constant_time():
    tokens = {security.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) * 6 >= 256
    tree = ast.parse(inspect.getsource(security.is_token))
    assert "hmac.compare_digest" in ast.unparse(tree)
    assert not any(isinstance(node, ast.Compare) for node in ast.walk(tree))


def test_the_token_is_in_no_answer():
    async def visit(one):
        token = one.token.encode()
        for path in (*server.FILES, "/other"):
            answer = await get(one, path)
            assert token not in answer.body
            assert one.token not in str(dict(answer.headers))
            assert "Set-Cookie" not in answer.headers
        client = await Client.greeted(one)
        client.say("spec", spec=SMALL)
        ok = await client.comes("spec_ok")
        assert one.token not in str(client.got)
        return one.token not in ok["link"]

    assert served(visit)


# ------------------------------------------------------------------------- address


def test_the_server_listens_on_this_machine_alone():
    async def visit(one):
        sockets = list(one._http._sockets.values())
        assert [socket.getsockname()[0] for socket in sockets] == ["127.0.0.1"]
        return True

    assert served(visit)
    assert security.ADDRESS == "127.0.0.1"


def test_ports_are_random():
    async def visit(one):
        return one.port

    assert len({served(visit) for _ in range(3)}) > 1


# ------------------------------------------------------------------------- headers

POLICY = {
    "Content-Security-Policy": ["default-src 'none'", "frame-ancestors 'none'"],
    "X-Content-Type-Options": ["nosniff"],
    "Referrer-Policy": ["no-referrer"],
}


@pytest.mark.parametrize("name", POLICY)
@pytest.mark.parametrize("path", [*server.FILES, "/other", "/ws"])
def test_every_answer_has_the_headers(name, path):
    async def attack(one):
        answer = await get(one, path)
        return not all(part in answer.headers.get(name, "") for part in POLICY[name])

    less = {key: value for key, value in security.HEADERS.items() if key != name}
    assert not served(attack)
    assert served(attack, [(security, "HEADERS", less)])


def test_refusals_have_the_headers_too():
    async def visit(one):
        answer = await get(one, "/", Host="evil.example")
        return answer.code == 403 and "default-src 'none'" in answer.headers.get(
            "Content-Security-Policy", ""
        )

    assert served(visit)


def test_the_policy_allows_nothing_from_elsewhere_and_no_code_in_the_page():
    policy = security.HEADERS["Content-Security-Policy"]
    sources = {word for part in policy.split(";") for word in part.split()[1:]}
    assert sources == {"'none'", "'self'", "data:", "blob:"}
    assert "script-src 'self';" in policy


# ------------------------------------------------------------------------ messages


def test_a_message_beyond_the_limit_is_refused(monkeypatch):
    async def attack(one):
        client = await Client.greeted(one)
        client.send('{"type": "spec", "text": "' + "x" * 300_000 + '"}')
        try:
            async with asyncio.timeout(10):
                while (message := await client.read()) is not None:
                    if message["type"] in ("error", "spec_error"):
                        return True
        except TimeoutError:
            pass
        return False

    assert not served(attack)
    assert served(attack, [(server.limits, "MESSAGE", 10**6)])


# ------------------------------------------------------------ a specification is data


@pytest.mark.parametrize(
    "json_value",
    [
        {"layers": [{"name": "a", "type": "__import__"}]},
        {"layers": [{"name": "__class__"}]},
        {"layers": [{"name": "a", "activation": "os.system"}]},
        {"layers": [{"name": "a", "dropout": {"variant": "os.system"}}]},
        {"data": {"name": "../../etc/passwd"}},
        {"data": {"name": "csv", "path": "/etc/passwd", "text": "a,b\n1,2\n3,4\n"}},
        {"training": {"optimizer": "builtins.eval"}},
    ],
)
def test_what_is_not_on_the_lists_is_refused(json_value):
    with pytest.raises(fields.Faults):
        reading.read(json_value)


def test_a_list_is_what_refuses(monkeypatch):
    from dropcore_lab.fields import Choice

    monkeypatch.setattr(Choice, "check", lambda self, value: value)
    with pytest.raises(Exception, match=r"os\.system") as found:
        reading.read({"layers": [{"name": "a", "dropout": {"variant": "os.system"}}]})
    assert not isinstance(found.value, fields.Faults)


def test_only_installed_variants_are_on_the_list():
    import dropcore

    assert set(usable()) <= set(dropcore.variant_names())


BUILT_IN = {"eval", "exec", "compile", "open", "__import__"}
ATTRIBUTES = {"loads", "load", "system", "popen", "open"}
ALLOWED = {
    ("fields.py", "json.loads"),
    ("server.py", "json.loads"),
    ("wire.py", "json.loads"),
    ("command.py", "Path(name).open"),  # the user who starts the server names this file
    ("command.py", "webbrowser.open"),
    ("training.py", "data.load"),
    ("variants.py", "json.loads"),
}


def test_no_file_that_sees_a_message_unpickles_evaluates_or_opens():
    found = set()
    for path in Path(dropcore_lab.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert not {"pickle", "marshal", "shelve"} & set(ast.unparse(node).split())
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                built_in = isinstance(node.func, ast.Name) and name in BUILT_IN
                if built_in or ("." in name and name.rpartition(".")[2] in ATTRIBUTES):
                    found.add((path.name, name))
    assert found == ALLOWED


def test_an_export_is_made_of_values_by_repr(monkeypatch):
    name = "'); evil() #"
    spec = reading.read(changed(runs=[{"name": name}]))

    def calls():
        tree = ast.parse(export.script(spec, None))
        return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}

    assert "evil" not in calls()
    source = inspect.getsource(export._runs).replace(
        "({spec.runs[run].name!r}, {{", "('{spec.runs[run].name}', {{"
    )
    assert source != inspect.getsource(export._runs)
    namespace = dict(vars(export))
    exec(source.replace("def _runs", "def careless"), namespace)
    monkeypatch.setattr(export, "_runs", namespace["careless"])
    with pytest.raises(SyntaxError):
        calls()


def test_a_link_is_only_ever_unpacked_to_a_specification():
    assert link.read_text(link.link_of(reading.read(SMALL))) == reading.read(SMALL)
    assert set(messages.MESSAGES["spec"]) == {"spec", "text"}
