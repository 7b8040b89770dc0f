"""What a service tells, as lines for a terminal or as JSON."""

import time

import click
from rich.console import Console
from rich.text import Text

from doumen.cli.options import print_json, reading_json, reading_words
from doumen.model import Reason, Verdict
from doumen.screening.events import PassageEnded, PassageStarted, VerdictReached
from doumen.service import Connected, DeviceState, Lost, News, Noticed, Saw, Took, Troubled

VERDICT_WORDS = {
    Verdict.PASS: ("pass", "bold green"),
    Verdict.LOOK_AGAIN: ("look again", "bold yellow"),
    Verdict.ELEVATED: ("elevated skin temperature: use the clinical thermometer", "bold red"),
}


def name_of(device: DeviceState) -> str:
    """How lines name a device: role and the end of its id, or its port as long as it has not said."""
    identity = device.identity
    return device.url if identity is None else f"{identity.role} {identity.device_id[-4:]}"


def reason_words(reasons: tuple[Reason, ...]) -> str:
    """Reasons in words, or nothing."""
    return ", ".join(reason.value.replace("_", " ") for reason in reasons)


def tell(console: Console, news: News) -> None:
    """Print one line, if the news is worth one."""
    line = Text(time.strftime("%H:%M:%S  "), style="dim")
    line.append(f"{name_of(news.device):<12}  ", style="bold")
    if isinstance(news, Connected):
        identity = news.device.identity
        if identity is None:
            return
        line.append(
            f"connected: firmware {identity.firmware}, start {identity.boots}, UNSEALED, {news.device.url}"
        )
    elif isinstance(news, Lost | Troubled):
        line.append(news.why, style="yellow")
    elif isinstance(news, Noticed):
        line.append(news.what, style="yellow")
    elif isinstance(news, Took):
        line.append(f"{news.ingested.stored} fixes stored")
        if news.ingested.duplicated:
            line.append(f", {news.ingested.duplicated} were here already")
    elif isinstance(news, Saw) and isinstance(news.event, VerdictReached):
        words, style = VERDICT_WORDS[news.event.verdict]
        line.append(f"passage {news.event.number}: {reading_words(news.event.reading)}  ")
        line.append(words, style=style)
        if news.event.reasons:
            line.append(f"  ({reason_words(news.event.reasons)})", style="dim")
    else:
        return
    console.print(line, soft_wrap=True)


def tell_json(news: News) -> None:
    """Print one JSON object a line."""
    identity = news.device.identity
    facts: dict[str, object] = {
        "url": news.device.url,
        "device": None if identity is None else identity.device_id,
        "role": None if identity is None else identity.role,
    }
    if isinstance(news, Connected):
        facts |= {"event": "connected", "firmware": identity and identity.firmware, "sealed": False}
    elif isinstance(news, Lost | Troubled):
        facts |= {"event": "lost" if isinstance(news, Lost) else "troubled", "why": news.why}
    elif isinstance(news, Noticed):
        facts |= {"event": "noticed", "what": news.what}
    elif isinstance(news, Took):
        facts |= {"event": "stored", "stored": news.ingested.stored, "duplicated": news.ingested.duplicated}
    elif isinstance(news, Saw):
        event = news.event
        facts |= {"t_ms": event.t_ms, "passage": event.number}
        if isinstance(event, PassageStarted):
            facts["event"] = "passage_started"
        else:
            ended = isinstance(event, PassageEnded)
            verdict = event.passage.verdict if ended else event.verdict
            reading = event.passage.reading if ended else event.reading
            reasons = event.passage.reasons if ended else event.reasons
            facts |= {
                "event": "passage_ended" if ended else "verdict",
                "verdict": verdict.name.lower(),
                "reading": reading_json(reading),
                "reasons": [reason.value for reason in reasons],
            }
    else:
        return
    print_json(facts)


def complain(message: str) -> None:
    """A line on standard error."""
    click.echo(f"doumen: {message}", err=True)
