"""SASL PLAIN for Proton's server side.

Debian builds Proton without Cyrus SASL, and what is left offers a server nothing but ANONYMOUS. Proton's own layer
still does headers, frames and states; this module gives it, through its plug-in interface, the one missing piece:
the list of mechanisms and the check of a password.
"""

import ctypes
import hmac

POSTED_MECHANISMS, POSTED_OUTCOME = 2, 7


class Octets(ctypes.Structure):
    """Proton's `pn_bytes_t`."""

    _fields_ = [("size", ctypes.c_size_t), ("start", ctypes.c_void_p)]


POINTER = ctypes.c_void_p
DONE = ctypes.CFUNCTYPE(None, POINTER)
ASKED = ctypes.CFUNCTYPE(ctypes.c_bool, POINTER)
NAMES = ctypes.CFUNCTYPE(POINTER, POINTER)
TOLD = ctypes.CFUNCTYPE(None, POINTER, ctypes.POINTER(Octets))
INIT = ctypes.CFUNCTYPE(None, POINTER, ctypes.c_char_p, ctypes.POINTER(Octets))
MECHANISMS = ctypes.CFUNCTYPE(ctypes.c_bool, POINTER, ctypes.c_char_p)
SIZE = ctypes.CFUNCTYPE(ctypes.c_ssize_t, POINTER)
CODE = ctypes.CFUNCTYPE(ctypes.c_ssize_t, POINTER, Octets, ctypes.POINTER(Octets))


class Implementation(ctypes.Structure):
    """Proton's `pnx_sasl_implementation`: one function for each thing that a SASL library does."""

    _fields_ = [
        ("free", DONE), ("list_mechs", NAMES), ("init_server", ASKED), ("init_client", ASKED),
        ("prepare_write", DONE), ("process_init", INIT), ("process_response", TOLD),
        ("process_mechanisms", MECHANISMS), ("process_challenge", TOLD), ("process_outcome", DONE),
        ("can_encrypt", ASKED), ("max_encrypt_size", SIZE), ("encode", CODE), ("decode", CODE)]


class PlainServer:
    """Offers PLAIN on a transport and accepts one user. Keep it for as long as the transport lives."""

    def __init__(self, transport, user, password):
        self.proton = ctypes.CDLL("libqpid-proton-core.so.10")
        self.names = ctypes.create_string_buffer(b"PLAIN")
        self.user = ctypes.create_string_buffer(user.encode())  # Proton keeps the pointer
        self.accepted = user.encode(), password.encode()
        self.functions = Implementation(
            DONE(lambda _: None), NAMES(lambda _: ctypes.addressof(self.names)), ASKED(self.begin),
            ASKED(lambda _: False), DONE(lambda _: None), INIT(self.check), TOLD(lambda *_: None),
            MECHANISMS(lambda *_: False), TOLD(lambda *_: None), DONE(lambda _: None), ASKED(lambda _: False),
            SIZE(lambda _: 0), CODE(lambda *_: 0), CODE(lambda *_: 0))
        self.proton.pnx_sasl_set_implementation(
            POINTER(int(transport._impl)), ctypes.byref(self.functions), POINTER(None))

    def begin(self, transport):
        """The server speaks first: which mechanisms it has."""
        self.proton.pnx_sasl_set_desired_state(POINTER(transport), POSTED_MECHANISMS)
        return True

    def check(self, transport, mechanism, response):
        """The client has chosen, and says who it is: RFC 4616, `[authzid] NUL authcid NUL password`."""
        octets = ctypes.string_at(response.contents.start, response.contents.size) if response else b""
        parts = octets.split(b"\0")
        if mechanism == b"PLAIN" and len(parts) == 3 and all(map(hmac.compare_digest, parts[1:], self.accepted)):
            self.proton.pnx_sasl_succeed_authentication(POINTER(transport), self.user)
        else:
            self.proton.pnx_sasl_fail_authentication(POINTER(transport))
        self.proton.pnx_sasl_set_desired_state(POINTER(transport), POSTED_OUTCOME)
