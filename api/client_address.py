"""Whose request it is, by address. `X-Forwarded-For` counts only as far as trusted proxies wrote it."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

from chat.errors import BadSetting

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class ClientAddress:
    """Finds a client's address. Raises `BadSetting` where `trusted_proxies` holds what is no address or network."""

    def __init__(self, trusted_proxies: Iterable[str]) -> None:
        try:
            self._trusted: list[Network] = [ip_network(one, strict=False) for one in trusted_proxies]
        except ValueError:
            raise BadSetting("TRUSTED_PROXIES: must be addresses or networks, such as 10.0.0.0/8") from None

    def of(self, scope: Scope) -> str:
        """The nearest address that is no trusted proxy's: what stands before it anybody may have written."""
        peer = scope["client"][0] if scope.get("client") else ""
        client = _address(peer)
        if client is None or not self._is_trusted(client):
            return str(client or peer)
        for hop in reversed(_forwarded_for(scope)):
            address = _address(hop)
            if address is None:
                break
            client = address
            if not self._is_trusted(client):
                break
        return str(client)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _forwarded_for(scope: Scope) -> list[str]:
    return [hop.strip() for line in Headers(scope=scope).getlist("x-forwarded-for") for hop in line.split(",")]


def _address(text: str) -> Address | None:
    """An address; an IPv4 one inside an IPv6 one is the IPv4 one. None for any other text."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
