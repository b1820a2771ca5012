"""Who can reach the server: this machine alone, or others, and under which names."""

import os
import re
import sys
from ipaddress import ip_address

import streamlit as st

OPEN = "--open-to-everyone"
OPEN_VARIABLE, HOSTS_VARIABLE = "LESIONLENS_OPEN_TO_EVERYONE", "LESIONLENS_HOSTS"


def is_loopback(address: str | None) -> bool:
    """Whether this address, as servers and Host headers write it, means this machine alone; None and "" mean all addresses."""
    if not address or address == "localhost":
        return address == "localhost"
    try:
        return ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def open_to_everyone() -> bool:
    """Whether the operator said that whoever reaches the server may use it: `-- --open-to-everyone`, or LESIONLENS_OPEN_TO_EVERYONE=1."""
    return OPEN in sys.argv[1:] or os.environ.get(OPEN_VARIABLE) == "1"


def extra_hosts() -> frozenset[str]:
    """The names of LESIONLENS_HOSTS, separated by commas or spaces, under which the server may be asked for besides its own."""
    return frozenset(name.casefold() for name in re.split(r"[,\s]+", os.environ.get(HOSTS_VARIABLE, "")) if name)


def is_local() -> bool:
    """Whether only people on this machine use the server; only then may a browser name folders on it.

    A proxy brings others to a server that listens on this machine alone: whoever set up sign-in, or names of hosts, has one in mind.
    """
    from streamlit.auth_util import get_secrets_auth_section

    prepared_for_others = open_to_everyone() or extra_hosts() or get_secrets_auth_section()
    return is_loopback(st.get_option("server.address")) and not prepared_for_others
