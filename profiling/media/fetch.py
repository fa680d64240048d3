"""Fetching an address that a customer wrote, without being led to where it must not go.

Only hosts the operator named, https unless the entry says otherwise, and only public addresses unless a private network is
named too. A name is resolved once, every address of it is checked, and the connection goes to one that was checked, so a name
that resolves to something else a moment later changes nothing. Redirects are checked like the first address. What is too large
or too slow is given up while it is read; proxies of the environment are not used, since a proxy would resolve the name itself.
"""

import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpcore

from profiling.errors import MediaUnread
from profiling.exchange import InTime, within
from profiling.prepare.redaction import MARK

MAX_REDIRECTS = 3
MAX_URL = 2_000
_PORTS = {"http": 80, "https": 443}
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_OF_THE_CLOUD = ipaddress.ip_address("168.63.129.16")  # Azure's own services for a machine, at a public address

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], list[str]]


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True)
class _Host:
    """An entry of the list: `name` exactly, or with `is_parent` anything below it."""

    scheme: str
    name: str
    port: int
    is_parent: bool

    @classmethod
    def parse(cls, entry: str) -> "_Host":
        scheme, _, rest = entry.rpartition("://")
        scheme = scheme or "https"
        name, _, port = rest.partition(":")
        return cls(scheme, name.removeprefix("*."), int(port or _PORTS[scheme]), name.startswith("*."))

    def allows(self, scheme: str, host: str, port: int) -> bool:
        is_name = host.endswith(f".{self.name}") if self.is_parent else host == self.name
        return is_name and (scheme, port) == (self.scheme, self.port)


class Fetcher:
    """Gets the bytes behind an address, or says why not.

    Args:
        hosts, networks: as in `PROFILING_MEDIA_HOSTS` and `PROFILING_MEDIA_NETWORKS`.
        max_bytes: of a body; timeout: seconds for everything from the connection to the last byte, each redirect anew.
        resolve: addresses of (host, port); raises OSError. tls: for certificates of an authority of one's own.
    """

    def __init__(
        self,
        hosts: Iterable[str],
        networks: Iterable[str] = (),
        *,
        max_bytes: int = 5_000_000,
        timeout: float = 30.0,
        resolve: Resolver = _resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._hosts = [_Host.parse(entry) for entry in hosts]
        self._networks = [ipaddress.ip_network(each) for each in networks]
        self._max_bytes, self._timeout, self._resolve = max_bytes, timeout, resolve
        self._tls = tls or httpcore.default_ssl_context()

    def get(self, url: str) -> bytes:
        """The body behind `url`.

        Raises:
            MediaUnread: with the reason `redacted`, `invalid_url`, `not_allowed`, `unresolved`, `private_address`,
                `unreachable`, `too_slow`, `too_large`, `http_error` or `redirects`.
        """
        for _ in range(MAX_REDIRECTS + 1):
            body, location = self._get_once(url)
            if location is None:
                return body
            try:
                url = urljoin(url, location)
            except ValueError as error:
                raise MediaUnread("invalid_url", f"it leads on to no address: {error}") from error
        raise MediaUnread("redirects", f"it leads on more than {MAX_REDIRECTS} times")

    def _get_once(self, url: str) -> tuple[bytes, str | None]:
        """The body; or where it leads on to."""
        target = self._checked(url)
        host = target.host.decode()
        backend = _CheckedAddresses(self._addresses(host, target.port or 0))
        headers: dict[bytes | str, bytes | str] = {
            "Host": _netloc(target),
            "Accept": "image/*, audio/*",
            "Accept-Encoding": "identity",
            "User-Agent": "profiling",
        }
        try:
            with (
                within(self._timeout),
                httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend) as pool,
                pool.stream("GET", target, headers=headers) as response,
            ):
                said = {name.lower(): value.decode("latin-1") for name, value in response.headers}
                if response.status in (301, 302, 303, 307, 308) and b"location" in said:
                    return b"", said[b"location"]
                if response.status != 200:
                    raise MediaUnread("http_error", f"{host} answers {response.status}")
                return self._body(response, said.get(b"content-length", "")), None
        except httpcore.TimeoutException as error:
            raise MediaUnread("too_slow", f"{host} took more than {self._timeout:g} s") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError) as error:
            raise MediaUnread("unreachable", f"{host}: {type(error).__name__}: {error}") from error

    def _body(self, response: httpcore.Response, said: str) -> bytes:
        if said.isdecimal() and int(said) > self._max_bytes:
            raise self._too_large()
        body = bytearray()
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > self._max_bytes:
                raise self._too_large()
        return bytes(body)

    def _too_large(self) -> MediaUnread:
        return MediaUnread("too_large", f"it has more than {self._max_bytes} bytes (PROFILING_MEDIA_MAX_BYTES)")

    def _checked(self, url: str) -> httpcore.URL:
        """The address in its parts, if its host is on the list."""
        if MARK.search(url):
            raise MediaUnread("redacted", "a part of it was personal data or a secret, and is not known any more")
        try:
            if len(url) > MAX_URL or _UNSAFE.search(url):
                raise ValueError("too long, or with a character that no address has")
            parts = urlsplit(url)
            scheme, port = parts.scheme.lower(), parts.port or _PORTS.get(parts.scheme.lower(), 0)
            host = (parts.hostname or "").encode("idna").decode().lower()
            if not host or parts.username is not None or parts.password is not None:
                raise ValueError("without a host, or with a user name")
            path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
            query = "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?") if parts.query else ""
        except ValueError as error:  # of `encode` too
            raise MediaUnread("invalid_url", f"no address to fetch: {error}") from error
        if not any(each.allows(scheme, host, port) for each in self._hosts):
            raise MediaUnread("not_allowed", f"{scheme}://{host}:{port} is not in PROFILING_MEDIA_HOSTS")
        return httpcore.URL(scheme=scheme.encode(), host=host.encode(), port=port, target=(path + query).encode())

    def _addresses(self, host: str, port: int) -> list[str]:
        """All addresses of a host, if every one of them may be reached."""
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise MediaUnread("unresolved", f"{host} has no address: {error}") from error
        for each in found:
            address = ipaddress.ip_address(each.partition("%")[0])
            if not is_public(address) and not any(address in network for network in self._networks):
                raise MediaUnread(
                    "private_address", f"{host} is {address}, which is not public (PROFILING_MEDIA_NETWORKS)"
                )
        if not found:
            raise MediaUnread("unresolved", f"{host} has no address")
        return found


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, also where it is written inside another."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.sixtofour or address.teredo or address.is_site_local:
            return False
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
    is_special = address.is_multicast or address.is_reserved or address == _OF_THE_CLOUD
    return address.is_global and not is_special


def _netloc(target: httpcore.URL) -> str:
    is_usual = target.port == _PORTS.get(target.scheme.decode())
    return target.host.decode() + ("" if is_usual else f":{target.port}")


class _CheckedAddresses(InTime):
    """Connects to the addresses that were checked, whatever the name resolves to by now."""

    def __init__(self, addresses: list[str]) -> None:
        super().__init__(httpcore.SyncBackend())
        self._addresses = addresses

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *rest: Any, **more: Any
    ) -> httpcore.NetworkStream:
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._addresses:
            try:
                return super().connect_tcp(address, port, timeout, *rest, **more)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed
