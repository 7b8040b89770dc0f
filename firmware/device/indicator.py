"""LED, buzzer and relay: what a person at the gate sees, hears and can walk through.

Two LEDs tell everything by colour *and* rhythm: green steady is pass, both blinking is look here again, red
fast is stop, red slow is out of service.
"""

from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

OUT_OF_SERVICE = const(0)
PASS = const(1)
LOOK_AGAIN = const(2)
ELEVATED = const(3)
READY = const(4)

# state: (green, red, blink half-period in ms or 0, tone in Hz or 0)
_SIGNS = {
    OUT_OF_SERVICE: (0, 1, 800, 0),
    PASS: (1, 0, 0, 1800),
    LOOK_AGAIN: (1, 1, 250, 1200),
    ELEVATED: (0, 1, 120, 700),
    READY: (0, 0, 0, 0),
}
_TONE_MS = {PASS: 120, LOOK_AGAIN: 400, ELEVATED: 1500}


class Indicator:
    """Shows one state at a time; tick() moves it on and must be called often.

    green, red, relay: Pins; buzzer: a PWM or None. The relay is energised while a pass is shown. Out of service
    it takes the fail state: energised if fail_open is true.
    """

    def __init__(self, green, red, buzzer, relay, fail_open):
        self._green = green
        self._red = red
        self._buzzer = buzzer
        self._relay = relay
        self._fail_open = fail_open
        self._until = None
        self.state = None
        self.show(OUT_OF_SERVICE)

    def show(self, state, hold_ms=0):
        """Show it from now on; a hold makes it return to READY after so many ms."""
        now = ticks_ms()
        self._until = ticks_add(now, hold_ms) if hold_ms else None
        if state == self.state and not hold_ms:
            return
        self.state = state
        self._since = now
        tone = _SIGNS[state][3]
        self._tone_until = ticks_add(now, _TONE_MS[state]) if tone and self._buzzer is not None else None
        if self._tone_until is not None:
            self._buzzer.freq(tone)
            self._buzzer.duty_u16(32768)
        elif self._buzzer is not None:
            self._buzzer.duty_u16(0)
        self._relay.value(1 if state == PASS or (state == OUT_OF_SERVICE and self._fail_open) else 0)
        self.tick()

    def tick(self):
        """Blink, end tones, end what was shown for a while."""
        now = ticks_ms()
        if self._until is not None and ticks_diff(now, self._until) >= 0:
            self.show(READY)
            return
        if self._tone_until is not None and ticks_diff(now, self._tone_until) >= 0:
            self._tone_until = None
            self._buzzer.duty_u16(0)
        green, red, half_ms, _ = _SIGNS[self.state]
        lit = not half_ms or ticks_diff(now, self._since) // half_ms % 2 == 0
        self._green.value(green if lit else 0)
        self._red.value(red if lit else 0)
