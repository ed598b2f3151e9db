"""How the client matrix's Python programs tell their clients to log in, as test/matrix/doc.go has it."""

import logging
import re

USER = "mesh"


class Words(logging.Handler):
    """Keeps what a client has logged last of authentication: what it raises does not say why a login has failed."""

    def __init__(self, client):
        super().__init__(logging.ERROR)
        self.last = None
        logging.getLogger(client).addHandler(self)

    def emit(self, record):
        text = re.sub("^<.*?>: ", "", record.getMessage())  # the connection
        if "uthenticat" in text:
            self.last = text

    def of(self, error):
        name, text = type(error).__name__, str(error)
        said = text if text.startswith(name) else f"{name}: {text}"
        return said + (f" (it logs: {self.last})" if self.last else "")


def librdkafka(setting):
    """The properties of librdkafka, without a token: clients have calls of their own for it."""
    if setting.mechanism is None:
        return {}
    out = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": setting.mechanism}
    if setting.mechanism != "OAUTHBEARER":
        out |= {"sasl.username": USER, "sasl.password": setting.secret}
    return out


def arguments(setting, provider):
    """The arguments of kafka-python and of aiokafka; provider makes of a token what gives it."""
    if setting.mechanism is None:
        return {}
    out = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": setting.mechanism}
    if setting.mechanism == "OAUTHBEARER":
        return out | {"sasl_oauth_token_provider": provider(setting.secret)}
    return out | {"sasl_plain_username": USER, "sasl_plain_password": setting.secret}
