"""What every answer of a relay means, phase by phase."""

import socket
import ssl

import pytest
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPConnectResponseError,
    SMTPConnectTimeoutError,
    SMTPException,
    SMTPReadTimeoutError,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)
from hypothesis import given
from hypothesis import strategies as st

from worker.dispatch.replies import Kind, Phase, lacking, of_error, of_reply

SESSION = [Phase.GREETING, Phase.EHLO, Phase.STARTTLS, Phase.AUTH]
BEFORE_THE_BODY = [Phase.CONNECT, *SESSION, Phase.MAIL, Phase.RCPT, Phase.DATA]
phases = st.sampled_from([*SESSION, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY])
codes = st.integers(-1, 999)
texts = st.one_of(st.text(), st.from_regex(r"\A[245]\.[0-9]{1,3}\.[0-9]{1,3} ?.*"))


def _kind(phase: Phase, code: int, text: str = "") -> Kind | None:
    verdict = of_reply(phase, code, text)
    return None if verdict is None else verdict.kind


@pytest.mark.parametrize(
    ("phase", "code"),
    [
        (Phase.GREETING, 220),
        (Phase.EHLO, 250),
        (Phase.STARTTLS, 220),
        (Phase.AUTH, 235),
        (Phase.MAIL, 250),
        (Phase.RCPT, 250),
        (Phase.RCPT, 251),
        (Phase.RCPT, 252),
        (Phase.DATA, 354),
    ],
)
def test_a_yes_before_the_body_lets_the_conversation_go_on(phase: Phase, code: int) -> None:
    assert of_reply(phase, code) is None


@pytest.mark.parametrize("code", [200, 250, 251, 252, 299])
def test_any_2xx_after_the_body_is_sent(code: int) -> None:
    assert _kind(Phase.BODY, code) is Kind.SENT


@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY])
@pytest.mark.parametrize("code", [450, 451, 452, 499])
def test_4xx_about_a_mail_is_transient(phase: Phase, code: int) -> None:
    assert _kind(phase, code) is Kind.TRANSIENT


@pytest.mark.parametrize("phase", SESSION)
@pytest.mark.parametrize("code", [421, 450, 454])
def test_4xx_before_any_mail_is_transient_and_about_no_mail(phase: Phase, code: int) -> None:
    assert _kind(phase, code) is Kind.UNSENT_TRANSIENT


def test_421_to_mail_closes_the_connection_and_says_nothing_about_the_mail() -> None:
    assert _kind(Phase.MAIL, 421) is Kind.UNSENT_TRANSIENT


@pytest.mark.parametrize("phase", [Phase.RCPT, Phase.DATA, Phase.BODY])
def test_421_once_the_recipient_is_named_is_transient(phase: Phase) -> None:
    assert _kind(phase, 421) is Kind.TRANSIENT


@pytest.mark.parametrize("code", [550, 551, 552, 553, 554])
def test_5xx_to_rcpt_is_permanent_for_that_address(code: int) -> None:
    assert _kind(Phase.RCPT, code) is Kind.PERMANENT


@pytest.mark.parametrize("text", ["5.7.1 relaying denied", "5.7.0", "5.7.26 unauthenticated"])
def test_5_7_x_to_rcpt_pauses_the_route(text: str) -> None:
    assert _kind(Phase.RCPT, 554, text) is Kind.ROUTE_PAUSED


@pytest.mark.parametrize("code", [552, 555])
def test_552_and_555_to_mail_fail_that_mail_only(code: int) -> None:
    assert _kind(Phase.MAIL, code) is Kind.PERMANENT


@pytest.mark.parametrize("code", [500, 503, 530, 535, 550, 553, 554])
@pytest.mark.parametrize("phase", [*SESSION, Phase.MAIL])
def test_other_5xx_before_rcpt_is_configuration(phase: Phase, code: int) -> None:
    assert _kind(phase, code) is Kind.ROUTE_PAUSED


@pytest.mark.parametrize("phase", [Phase.DATA, Phase.BODY])
@pytest.mark.parametrize("code", [552, 554, 571])
def test_5xx_to_the_message_is_permanent(phase: Phase, code: int) -> None:
    assert _kind(phase, code, "5.7.1 spam") is Kind.PERMANENT


@pytest.mark.parametrize("phase", [Phase.RCPT, Phase.DATA, Phase.BODY])
@pytest.mark.parametrize("text", ["5.1.1 user unknown", "5.1.1", "5.1.1 line\n5.1.1 line"])
def test_5_1_1_rejects_the_address(phase: Phase, text: str) -> None:
    verdict = of_reply(phase, 550, text)
    assert verdict is not None
    assert (verdict.kind, verdict.reason) == (Kind.ADDRESS_REJECTED, f"{phase}_550_5.1.1")


@pytest.mark.parametrize("text", ["user unknown 5.1.1", "5.1.10 no", "4.1.1 no", "5.1", "#5.1.1", " 5.1.1"])
def test_only_a_fitting_enhanced_code_at_the_start_rejects_the_address(text: str) -> None:
    assert _kind(Phase.RCPT, 550, text) is Kind.PERMANENT


@pytest.mark.parametrize("code", [421, 451, 452])
@pytest.mark.parametrize("phase", [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY])
def test_421_451_and_452_slow_the_destination_down(phase: Phase, code: int) -> None:
    verdict = of_reply(phase, code)
    assert verdict is not None
    assert verdict.slow_down


@pytest.mark.parametrize("code", [450, 550, 554])
def test_other_refusals_slow_nothing_down(code: int) -> None:
    verdict = of_reply(Phase.RCPT, code)
    assert verdict is not None
    assert not verdict.slow_down


@pytest.mark.parametrize("code", [-1, 0, 25, 99, 101, 199, 300, 355, 600, 999])
def test_a_reply_that_is_none_is_ambiguous_after_the_body(code: int) -> None:
    assert _kind(Phase.BODY, code) is Kind.AMBIGUOUS


@pytest.mark.parametrize("phase", [*SESSION, Phase.MAIL, Phase.RCPT, Phase.DATA])
@pytest.mark.parametrize("code", [-1, 0, 101, 333, 600])
def test_a_reply_that_is_none_leaves_the_mail_unsent_before_the_body(phase: Phase, code: int) -> None:
    assert _kind(phase, code) is Kind.UNSENT_TRANSIENT


@pytest.mark.parametrize("code", [200, 250, 299])
def test_a_2xx_to_the_data_command_is_no_proof_of_anything(code: int) -> None:
    assert _kind(Phase.DATA, code) is Kind.UNSENT_TRANSIENT


@pytest.mark.parametrize(
    "error",
    [
        SMTPServerDisconnected("gone"),
        SMTPReadTimeoutError("silent"),
        SMTPResponseException(-1, "what"),
        ConnectionResetError(),
        TimeoutError(),
        ssl.SSLEOFError(),
    ],
)
def test_silence_and_disconnect_are_ambiguous_after_the_body_only(error: Exception) -> None:
    after = of_error(Phase.BODY, error)
    assert after is not None
    assert after.kind is Kind.AMBIGUOUS
    for phase in BEFORE_THE_BODY:
        before = of_error(phase, error)
        assert before is not None
        assert before.kind is Kind.UNSENT_TRANSIENT


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("phase", "error", "kind", "reason"),
    [
        (Phase.CONNECT, SMTPConnectError("refused"), Kind.UNSENT_TRANSIENT, "connect_unreachable"),
        (
            Phase.CONNECT,
            _caused(SMTPConnectError("no"), socket.gaierror()),
            Kind.UNSENT_TRANSIENT,
            "connect_unknown_host",
        ),
        (Phase.CONNECT, SMTPConnectTimeoutError("silent"), Kind.UNSENT_TRANSIENT, "connect_timeout"),
        (Phase.GREETING, SMTPConnectResponseError(554, "go away"), Kind.ROUTE_PAUSED, "greeting_554"),
        (Phase.GREETING, SMTPConnectResponseError(421, "later"), Kind.UNSENT_TRANSIENT, "greeting_421"),
        (Phase.STARTTLS, SMTPException("not supported"), Kind.ROUTE_PAUSED, "starttls_missing"),
        (Phase.STARTTLS, ssl.SSLCertVerificationError(), Kind.ROUTE_PAUSED, "starttls_certificate"),
        (
            Phase.CONNECT,
            _caused(SMTPConnectError("tls"), ssl.SSLCertVerificationError()),
            Kind.ROUTE_PAUSED,
            "connect_certificate",
        ),
        (Phase.CONNECT, _caused(SMTPConnectError("tls"), ssl.SSLError()), Kind.ROUTE_PAUSED, "connect_tls"),
        (Phase.AUTH, SMTPException("no method"), Kind.ROUTE_PAUSED, "auth_missing"),
        (Phase.AUTH, SMTPAuthenticationError(535, "5.7.8 no"), Kind.ROUTE_PAUSED, "auth_535_5.7.8"),
        (Phase.AUTH, SMTPAuthenticationError(454, "4.7.0 later"), Kind.UNSENT_TRANSIENT, "auth_454_4.7.0"),
        (Phase.AUTH, ValueError("bad challenge"), Kind.UNSENT_TRANSIENT, "auth_garbage"),
        (Phase.CONNECT, UnicodeError("bad host"), Kind.ROUTE_PAUSED, "connect_unusable"),
        (Phase.RCPT, SMTPRecipientRefused(550, "no", "x"), Kind.PERMANENT, "rcpt_550"),
        (Phase.RCPT, ValueError("bad address"), Kind.PERMANENT, "address_unusable"),
    ],
)
def test_every_exception_has_its_meaning(phase: Phase, error: Exception, kind: Kind, reason: str) -> None:
    verdict = of_error(phase, error)
    assert verdict is not None
    assert (verdict.kind, verdict.reason) == (kind, reason)


def test_an_exception_may_hide_a_yes_that_the_library_does_not_know() -> None:
    assert of_error(Phase.RCPT, SMTPRecipientRefused(252, "perhaps", "x")) is None


def test_an_error_of_our_own_is_not_taken_for_the_relays() -> None:
    with pytest.raises(KeyError):
        of_error(Phase.MAIL, KeyError("bug"))


def test_an_extension_the_relay_lacks_fails_the_mail_that_needs_it() -> None:
    assert lacking("smtputf8").kind is Kind.PERMANENT


@given(phases, codes, texts)
def test_only_what_follows_the_body_can_be_sent_or_ambiguous(phase: Phase, code: int, text: str) -> None:
    verdict = of_reply(phase, code, text)
    if phase is not Phase.BODY:
        assert verdict is None or verdict.kind not in {Kind.SENT, Kind.AMBIGUOUS}
    else:
        assert verdict is not None
        assert (verdict.kind is Kind.SENT) == (200 <= code <= 299)


@given(phases, codes, texts)
def test_nothing_of_a_replys_text_but_an_enhanced_code_goes_into_the_reason(phase: Phase, code: int, text: str) -> None:
    verdict = of_reply(phase, code, text)
    if verdict is not None:
        assert verdict.reason.removeprefix(f"{phase}_").strip("0123456789._") in {"", "garbage"}
        assert len(verdict.reason) <= 40
