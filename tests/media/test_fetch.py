"""An address that a customer wrote leads nowhere but to the hosts named, on addresses that were checked."""

import datetime as dt
import ipaddress
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from profiling.errors import MediaUnread
from profiling.media.fetch import Fetcher, is_public
from tests.media.servers import Pictures, png

HERE = ("127.0.0.0/8",)


def reason(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(MediaUnread) as raised:
        fetcher.get(url)
    return raised.value.reason


def test_a_picture_of_a_host_on_the_list_is_got(pictures: Pictures) -> None:
    pictures.paths["/a%20b.png?size=L"] = png(1)
    assert Fetcher([pictures.host], HERE).get(pictures.url("/a%20b.png?size=L")) == png(1)
    assert pictures.hosts == [f"127.0.0.1:{pictures.port}"]


@pytest.mark.parametrize(
    ("hosts", "url", "expected"),
    [
        (["pictures.example"], "https://other.example/a.png", "not_allowed"),
        (["pictures.example"], "http://pictures.example/a.png", "not_allowed"),  # https unless the entry says http
        (["pictures.example"], "https://pictures.example:8443/a.png", "not_allowed"),
        (["pictures.example"], "https://pictures.example.evil.example/a.png", "not_allowed"),
        (["*.pictures.example"], "https://pictures.example/a.png", "not_allowed"),
        (["*.pictures.example"], "https://evilpictures.example/a.png", "not_allowed"),
        (["pictures.example"], "file:///etc/passwd", "invalid_url"),
        (["pictures.example"], "https://pictures.example@evil.example/a.png", "invalid_url"),
        (["pictures.example"], "https://user:pass@pictures.example/a.png", "invalid_url"),
        (["pictures.example"], "https://pictures.example\\@evil.example/", "invalid_url"),
        (["pictures.example"], "https://pictures.example/a\r\nHost: evil", "invalid_url"),
        (["pictures.example"], "https://pictures.example:99999/", "invalid_url"),
        (["pictures.example"], "https://pictures.example/" + "a" * 2_000, "invalid_url"),
        (["pictures.example"], "a picture of a cat", "invalid_url"),
        (["pictures.example"], "https://pictures.example/half\ud800", "invalid_url"),
        (["pictures.example"], "https://pictures.example/?half=\ud800", "invalid_url"),
        (["pictures.example"], "https://pictures.example/a.png?email=[email]", "redacted"),
        ([], "https://pictures.example/a.png", "not_allowed"),
    ],
)
def test_what_is_not_on_the_list_is_not_even_resolved(hosts: list[str], url: str, expected: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise AssertionError(f"{host} was resolved")

    assert reason(Fetcher(hosts, resolve=resolve), url) == expected


PRIVATE = (
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "64:ff9b::7f00:1", "fec0::1", "168.63.129.16", "2002:7f00:1::", "2001:0:53aa:64c::1", "2001:db8::1",
)  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_to_an_address_that_is_not_public_is_refused(address: str) -> None:
    fetcher = Fetcher(["pictures.example"], resolve=lambda host, port: ["93.184.216.34", address])
    assert reason(fetcher, "https://pictures.example/a.png") == "private_address"


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_by_default_this_machine_is_out_of_reach(pictures: Pictures) -> None:
    assert reason(Fetcher([pictures.host]), pictures.url("/a.png")) == "private_address"
    assert pictures.asked == []


def test_a_number_that_means_this_machine_is_an_address_like_any_other(pictures: Pictures) -> None:
    host = f"http://2130706433:{pictures.port}"
    assert reason(Fetcher([host]), f"{host}/a.png") == "private_address"


def test_a_name_is_resolved_once_and_connected_where_it_was_checked(
    pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that resolves to something else a moment later changes nothing."""
    pictures.paths["/a.png"] = png(1)
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    real = socket.getaddrinfo

    def only_numbers(host: Any, *rest: Any, **more: Any) -> Any:
        ipaddress.ip_address(host)  # a name resolved a second time would raise here
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", only_numbers)
    host = f"http://pictures.example:{pictures.port}"
    assert Fetcher([host], HERE, resolve=resolve).get(f"{host}/a.png") == png(1)
    assert asked == ["pictures.example"]
    assert pictures.hosts == [f"pictures.example:{pictures.port}"]


def test_a_redirect_is_checked_like_the_first_address(pictures: Pictures) -> None:
    pictures.paths |= {
        "/moved": lambda handler: handler.reply(302, b"", Location="/a.png"),
        "/inside": lambda handler: handler.reply(302, b"", Location="http://169.254.169.254/latest/meta-data/"),
        "/named": lambda handler: handler.reply(307, b"", Location=f"http://inner.example:{pictures.port}/a.png"),
        "/round": lambda handler: handler.reply(301, b"", Location="/round"),
        "/nowhere": lambda handler: handler.reply(302, b"", Location="http://[::1"),
        "/a.png": png(1),
    }
    inner = f"http://inner.example:{pictures.port}"
    known = {"127.0.0.1": ["127.0.0.1"], "inner.example": ["10.0.0.9"]}
    fetcher = Fetcher([pictures.host, inner], HERE, resolve=lambda host, port: known[host])
    assert fetcher.get(pictures.url("/moved")) == png(1)
    assert reason(fetcher, pictures.url("/inside")) == "not_allowed"
    assert reason(fetcher, pictures.url("/named")) == "private_address"
    assert reason(fetcher, pictures.url("/nowhere")) == "invalid_url"
    assert reason(fetcher, pictures.url("/round")) == "redirects"
    assert pictures.asked.count("/round") == 4


def test_what_is_too_large_is_given_up_while_it_is_read(pictures: Pictures) -> None:
    sent = []

    def endless(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(2_000):
            handler.wfile.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
            sent.append(0x8000)

    pictures.paths |= {"/endless": endless, "/said": b"x" * 2_000}
    fetcher = Fetcher([pictures.host], HERE, max_bytes=1_000)
    assert reason(fetcher, pictures.url("/endless")) == "too_large"
    assert reason(fetcher, pictures.url("/said")) == "too_large"
    assert sum(sent) < 2_000 * 0x8000


def test_a_body_that_drips_is_given_up_at_the_deadline(pictures: Pictures) -> None:
    def drip(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        while not handler.server.closing.wait(0.05):
            handler.wfile.write(b"x")

    def never_ends_its_headers(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not handler.server.closing.wait(0.05):
            handler.wfile.write(b"X: y\r\n")

    pictures.paths |= {"/drip": drip, "/headers": never_ends_its_headers}
    fetcher = Fetcher([pictures.host], HERE, timeout=0.4)
    assert reason(fetcher, pictures.url("/drip")) == "too_slow"
    assert reason(fetcher, pictures.url("/headers")) == "too_slow"


def test_other_failures_are_told_apart(pictures: Pictures) -> None:
    def hangs_up(handler: Any) -> None:
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    def nameless(host: str, port: int) -> list[str]:
        raise socket.gaierror("Name or service not known")

    pictures.paths["/hangs-up"] = hangs_up
    fetcher = Fetcher([pictures.host], HERE)
    assert reason(fetcher, pictures.url("/gone.png")) == "http_error"
    assert reason(fetcher, pictures.url("/hangs-up")) == "unreachable"
    with socket.create_server(("127.0.0.1", 0)) as unused:
        host = f"http://127.0.0.1:{unused.getsockname()[1]}"
    assert reason(Fetcher([host], HERE), f"{host}/") == "unreachable"
    assert reason(Fetcher(["pictures.example"], resolve=nameless), "https://pictures.example/") == "unresolved"
    assert reason(Fetcher(["pictures.example"], resolve=lambda *_: []), "https://pictures.example/") == "unresolved"


def test_the_certificate_has_to_be_that_of_the_name_and_not_of_the_address(pictures: Pictures, tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path, "pictures.example")
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)
    pictures.socket = served.wrap_socket(pictures.socket, server_side=True)
    pictures.paths["/a.png"] = png(1)
    trusting = ssl.create_default_context(cafile=str(certificate))
    hosts = [f"pictures.example:{pictures.port}", f"other.example:{pictures.port}"]

    def fetcher(tls: ssl.SSLContext | None) -> Fetcher:
        return Fetcher(hosts, HERE, resolve=lambda host, port: ["127.0.0.1"], tls=tls)

    assert fetcher(trusting).get(f"https://{hosts[0]}/a.png") == png(1)
    assert reason(fetcher(trusting), f"https://{hosts[1]}/a.png") == "unreachable"
    assert reason(fetcher(None), f"https://{hosts[0]}/a.png") == "unreachable"


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private
