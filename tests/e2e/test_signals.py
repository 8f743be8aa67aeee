"""Ctrl-C during a demo: once ends it, again ends it sooner."""

from __future__ import annotations

import os
import signal

import pytest

from deploy.demo.signals import HEARD, Signals


def send(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", HEARD)
def test_the_first_signal_interrupts(number: int) -> None:
    with Signals() as signals, pytest.raises(KeyboardInterrupt):
        send(number)
    assert signals.number == number


def test_what_is_being_started_is_started_before_the_interrupt() -> None:
    started = []

    def start(signals: Signals) -> None:
        with signals.shelter():
            send()
            started.append("worker")

    with Signals() as signals, pytest.raises(KeyboardInterrupt):
        start(signals)
    assert started == ["worker"]


def test_a_further_signal_hurries_what_ends_and_does_not_cut_it_short() -> None:
    hurried: list[str] = []
    with Signals() as signals:
        signals.hurry(lambda: hurried.append("worker"))
        with pytest.raises(KeyboardInterrupt):
            send()
        send(signal.SIGTERM)
    assert hurried == ["worker"]
    assert signals.number == signal.SIGINT


def test_an_ending_that_nobody_asked_for_is_not_interrupted_either() -> None:
    hurried: list[str] = []
    with Signals() as signals:
        signals.hurry(lambda: hurried.append("worker"))
        signals.ending()
        send()
    assert hurried == ["worker"]


def test_the_former_handlers_come_back() -> None:
    former = [signal.getsignal(number) for number in HEARD]
    with Signals():
        assert [signal.getsignal(number) for number in HEARD] != former
    assert [signal.getsignal(number) for number in HEARD] == former
