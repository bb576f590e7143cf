"""Where messages may go: never to our own networks, however an address is written, and whatever DNS says the second time."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.contracts.errors import AddressNotAllowed

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
DEFAULT_PORTS = {"https": 443, "http": 80}
# IPv6 that carries an IPv4 address in its last 32 bits: NAT64 (RFC 6052) and the old "compatible" form.
_CARRIES_IPV4 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::/96"))
# What a network translates into addresses of its own (RFC 8215).
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
# Public by its number, and yet a cloud's own: Azure's wire server.
_CLOUDS_OWN = frozenset({ipaddress.ip_address("168.63.129.16")})


@dataclass(frozen=True)
class Place:
    """Where a URL points to. path: with the query string."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """As a Host header and a VAPID audience have it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def place_of(url: str, anywhere: bool = False) -> Place:
    """Raises AddressNotAllowed for what can be refused without asking DNS. anywhere: plain http and every port and address may be."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise AddressNotAllowed(f"This is not a URL: {error}", field="url") from error
    if not host or "%" in host or parts.username is not None or parts.password is not None or parts.fragment:
        raise AddressNotAllowed("The address must be a URL with a host, and without a user and a fragment.", field="url")
    if parts.scheme not in DEFAULT_PORTS or not (parts.scheme == "https" or anywhere):
        raise AddressNotAllowed("The address must begin with https://.", field="url")
    if not anywhere and port not in DEFAULT_PORTS.values():
        raise AddressNotAllowed("Only the ports 443 and 80 are sent to.", field="url")
    check_literal(host, anywhere)
    return Place(parts.scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def check_literal(host: str, anywhere: bool) -> None:
    """Raises AddressNotAllowed where the host is an address, and not a public one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return  # a name, which DNS is asked about when something is sent
    if not anywhere and not is_public(address):
        raise AddressNotAllowed("This address is not a public one.", field="url")


def is_public(address: IpAddress) -> bool:
    """Whether this is somewhere on the internet, and nobody's own network, machine or cloud."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = _carried(address)
        if carried is not None:
            return is_public(carried)
        if address in _LOCAL_NAT64 or address.is_site_local:
            return False
    special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback or address.is_link_local
    return address.is_global and not special and address not in _CLOUDS_OWN


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that traffic to this one ends at."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _CARRIES_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def checked(host: str, addresses: list[str], anywhere: bool = False) -> str:
    """The address to connect to, of those that DNS gave. One that is not public refuses all. Raises AddressNotAllowed."""
    for text in addresses:
        # A scope ("fe80::1%eth0") is of link-local addresses only.
        if not anywhere and not is_public(ipaddress.ip_address(text.partition("%")[0])):
            raise AddressNotAllowed(f"{host} is not a public address.", field="url")
    if not addresses:
        raise AddressNotAllowed(f"{host} has no address.", field="url")
    return addresses[0]
