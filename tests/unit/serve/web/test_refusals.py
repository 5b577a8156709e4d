"""Nobody passes without the token, no path climbs, and every refusal is in the log."""

from __future__ import annotations

import http.client
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from hepacast.serve.web.app import make_app
from hepacast.serve.web.guard import LOG, is_unsafe
from tests.browser.web.conftest import Site, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OPENINGS = ("/", "/static/web.css", "/vendor/htmx.min.js")


def _routes(tmp: Path) -> list[tuple[str, str]]:
    """List every method and path that the pages know."""
    app: Any = make_app(tmp, "token").app
    paths = app.openapi()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve a folder without results."""
    folder = tmp_path_factory.mktemp("out")
    (folder.parent / "secret.txt").write_text("secret")
    with served(folder) as found:
        yield found


def _ask(
    site: Site, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Ask over a socket, so that nobody tidies the path up on the way."""
    line = http.client.HTTPConnection(site.address.removeprefix("http://"), timeout=20)
    line.putrequest(method, path, skip_host="host" in headers)
    for name, value in headers.items():
        line.putheader(name, value)
    line.endheaders()
    answer = line.getresponse()
    body = answer.read()
    line.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, body


def _log(site: Site) -> list[dict[str, Any]]:
    path = site.out / LOG
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _cookie(site: Site, token: str) -> dict[str, str]:
    port = site.address.rsplit(":", 1)[1]
    return {"cookie": f"hepacast-{port}={token}"}


def _fill(path: str, value: str) -> str:
    """Put a value into every place of a path that takes one."""
    return re.sub(r"\{[^}]*\}", value, path)


def test_every_route_is_known_to_these_tests(site: Site) -> None:
    known = {path for _, path in _routes(site.out)}
    wanted = {"/", "/cohort", "/case/{key}", "/models", "/calculator", "/run", "/run/events"}
    assert wanted | {"/report", "/report/{name}", "/case/{key}/scans.json"} <= known
    assert len(known) >= 16


@pytest.mark.parametrize("given", ["", "wrong", "query"])
def test_every_route_refuses_without_the_token_and_says_so_in_the_log(
    given: str, site: Site
) -> None:
    for method, path in _routes(site.out):
        before = len(_log(site))
        headers = _cookie(site, "wrong" * 9) if given == "wrong" else {}
        asked = _fill(path, "0123456789abcdef") + ("?token=wrong" if given == "query" else "")
        status, _, body = _ask(site, asked, method, **headers)
        assert status == 401, asked
        assert b"Refused" in body
        (line,) = _log(site)[before:]
        assert line["why"] == ("wrong token" if given == "query" else "no token")
        assert line["status"] == 401
        assert line["method"] == method
        assert line["path"] == asked.split("?")[0]
        assert line["from"] == "127.0.0.1"


@pytest.mark.parametrize(
    "climb",
    ["..", "%2e%2e", "%2E.", "..%2f..%2fsecret.txt", "%252e%252e", "..%5csecret.txt", "..;", "%00"],
)
def test_every_route_with_a_place_refuses_to_climb_even_with_the_token(
    climb: str, site: Site
) -> None:
    places = [path for method, path in _routes(site.out) if "{" in path and method == "GET"]
    assert len(places) >= 8
    for path in places:
        before = len(_log(site))
        status, _, body = _ask(site, _fill(path, climb), **_cookie(site, site.token))
        assert status == 400, path
        assert b"secret" not in body.replace(b"secret.txt", b"")
        (line,) = _log(site)[before:]
        assert line["why"] == "path leaves its folder"


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "figures//etc/passwd", "a b"])
def test_the_report_gives_listed_files_only(name: str, site: Site) -> None:
    before = len(_log(site))
    asked = "/report/" + name.replace(" ", "%20")
    status, _, body = _ask(site, asked, **_cookie(site, site.token))
    assert status in {400, 404}
    assert b"root:" not in body
    assert len(_log(site)) == before + 1


def test_a_link_that_leads_out_is_not_followed(site: Site) -> None:
    (site.out / "figures").mkdir(exist_ok=True)
    (site.out / "figures" / "out.svg").symlink_to(site.out.parent / "secret.txt")
    status, _, body = _ask(site, "/report/figures/out.svg", **_cookie(site, site.token))
    assert status == 404
    assert b"secret" not in body


def test_the_token_becomes_a_cookie_that_scripts_cannot_read(site: Site) -> None:
    status, headers, _ = _ask(site, f"/?token={site.token}")
    assert status == 303
    assert headers["location"] == "/"
    assert "HttpOnly" in headers["set-cookie"]
    assert "SameSite=strict" in headers["set-cookie"]
    assert site.token not in (site.out / LOG).read_text() if (site.out / LOG).exists() else True
    assert _ask(site, "/cohort", **_cookie(site, site.token))[0] == 200


def test_the_token_in_another_address_than_the_first_is_refused(site: Site) -> None:
    assert _ask(site, f"/cohort?token={site.token}")[0] == 401
    assert site.token not in (site.out / LOG).read_text()


def test_other_hosts_and_other_sites_are_refused(site: Site) -> None:
    cookie = _cookie(site, site.token)
    assert _ask(site, "/cohort", host="evil.example", **cookie)[0] == 403
    assert _log(site)[-1]["why"] == "another host"
    assert _ask(site, "/calculator", "POST", origin="http://evil.example", **cookie)[0] == 403
    assert _log(site)[-1]["why"] == "sent from another site"


@pytest.mark.parametrize("path", ["/cohort", "/nothing", "/static/web.css", "/refused"])
def test_every_answer_carries_the_policy(path: str, site: Site) -> None:
    cookie = {} if path == "/refused" else _cookie(site, site.token)
    _, headers, _ = _ask(site, path, **cookie)
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


def test_a_page_that_is_not_there_is_in_the_log_too(site: Site) -> None:
    assert _ask(site, "/nothing", **_cookie(site, site.token))[0] == 404
    assert _log(site)[-1]["why"] == "no such page"


@pytest.mark.parametrize("path", ["/a/./b", "/a/.%2e/b", "/a\\b", "/%5c..%5c", "/a%0ab", "/.%00./"])
def test_unsafe_paths_are_known(path: str) -> None:
    assert is_unsafe(path)


@pytest.mark.parametrize(
    "path", ["/", "/report/pages/case-0001.html", "/case/ab..cd", "/%E5%BC%A0"]
)
def test_safe_paths_are_left_alone(path: str) -> None:
    assert not is_unsafe(path)
