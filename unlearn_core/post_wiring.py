"""From settings to those who carry messages."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from unlearn_core.adapters.mail import MailServer, SmtpCarrier
from unlearn_core.adapters.notices import carriers_to
from unlearn_core.adapters.recipients import FileRegister
from unlearn_core.adapters.webhooks import WebhookCarrier, is_strong
from unlearn_core.domain.requests import RequestId
from unlearn_core.errors import SettingsError
from unlearn_core.ports import Carrier
from unlearn_core.settings import Settings


def mail_carriers(
    settings: Settings, *, link: Callable[[RequestId], str | None]
) -> tuple[SmtpCarrier, ...]:
    """Return who brings mail to subjects: nobody where there is no mail server."""
    server = _server(settings)
    if server is None:
        return ()
    return (
        SmtpCarrier(
            server=server,
            sender=settings.mail.sender,
            language=settings.mail.language,
            link=link,
            authority=settings.legal.authority,
            timezone=ZoneInfo(settings.legal.timezone),
        ),
    )


def webhook_carriers(
    settings: Settings, *, now: Callable[[], datetime]
) -> tuple[WebhookCarrier, ...]:
    """Return who brings news to other systems of the controller.

    Raises:
        SettingsError: There are webhooks without a good secret.
    """
    hooks = settings.webhooks
    if not hooks.urls:
        return ()
    if hooks.secret is None or not is_strong(hooks.secret):
        raise SettingsError(variable="UNLEARN_WEBHOOKS__SECRET")
    return tuple(
        WebhookCarrier(url=url, secret=hooks.secret, now=now) for url in hooks.urls
    )


def notice_carriers(
    settings: Settings, register: FileRegister, *, now: Callable[[], datetime]
) -> tuple[Carrier, ...]:
    """Return who brings notices to recipients.

    Raises:
        SettingsError: A recipient wants mail, and there is no mail server.
    """
    return carriers_to(
        register, server=_server(settings), sender=settings.mail.sender, now=now
    )


def _server(settings: Settings) -> MailServer | None:
    mail = settings.mail
    if mail.host is None:
        return None
    return MailServer(
        host=mail.host,
        port=mail.port,
        encrypts=mail.encrypts,
        user=mail.user,
        password=mail.password,
    )
