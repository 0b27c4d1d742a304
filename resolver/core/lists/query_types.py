"""Query types as lists and owners write them: by name, or as TYPE65 (RFC 3597)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

TYPE_NUMBERS: Mapping[str, int] = MappingProxyType(
    {
        "A": 1,
        "NS": 2,
        "MD": 3,
        "MF": 4,
        "CNAME": 5,
        "SOA": 6,
        "MB": 7,
        "MG": 8,
        "MR": 9,
        "NULL": 10,
        "PTR": 12,
        "HINFO": 13,
        "MINFO": 14,
        "MX": 15,
        "TXT": 16,
        "RP": 17,
        "AFSDB": 18,
        "X25": 19,
        "ISDN": 20,
        "RT": 21,
        "NSAP-PTR": 23,
        "SIG": 24,
        "KEY": 25,
        "PX": 26,
        "GPOS": 27,
        "AAAA": 28,
        "LOC": 29,
        "NXT": 30,
        "EID": 31,
        "NIMLOC": 32,
        "SRV": 33,
        "ATMA": 34,
        "NAPTR": 35,
        "KX": 36,
        "CERT": 37,
        "DNAME": 39,
        "OPT": 41,
        "APL": 42,
        "DS": 43,
        "SSHFP": 44,
        "IPSECKEY": 45,
        "RRSIG": 46,
        "NSEC": 47,
        "DNSKEY": 48,
        "DHCID": 49,
        "NSEC3": 50,
        "NSEC3PARAM": 51,
        "TLSA": 52,
        "SMIMEA": 53,
        "HIP": 55,
        "NINFO": 56,
        "RKEY": 57,
        "TALINK": 58,
        "CDS": 59,
        "CDNSKEY": 60,
        "OPENPGPKEY": 61,
        "CSYNC": 62,
        "ZONEMD": 63,
        "SVCB": 64,
        "HTTPS": 65,
        "SPF": 99,
        "UINFO": 100,
        "UID": 101,
        "GID": 102,
        "UNSPEC": 103,
        "NID": 104,
        "L32": 105,
        "L64": 106,
        "LP": 107,
        "EUI48": 108,
        "EUI64": 109,
        "TKEY": 249,
        "TSIG": 250,
        "IXFR": 251,
        "AXFR": 252,
        "MAILB": 253,
        "MAILA": 254,
        "ANY": 255,
        "URI": 256,
        "CAA": 257,
        "AVC": 258,
        "AMTRELAY": 260,
        "RESINFO": 261,
        "WALLET": 262,
        "TA": 32768,
        "DLV": 32769,
    }
)
"""Query types by name (the IANA registry of RR types)."""
_TYPE_NAMES = {number: name for name, number in TYPE_NUMBERS.items()}
_TYPE = re.compile(r"TYPE(0|[1-9][0-9]{0,4})").fullmatch


def type_number(text: str) -> int | None:
    """Return the number of a query type by its name or as TYPE65 (RFC 3597), None for any other text."""
    name = text.upper()
    found = _TYPE(name)
    number = int(found[1]) if found else TYPE_NUMBERS.get(name, 0)
    return number if 0 < number < 0xFFFF else None  # 0 is reserved (RFC 6895), 65535 too


def type_text(number: int) -> str:
    """Return a query type as people write it."""
    return _TYPE_NAMES.get(number, f"TYPE{number}")
