"""What lights, sounds and opens, under a clock moved by hand."""

from fakes import Buzzer, Clock, Pin

from device import indicator
from device.indicator import ELEVATED, LOOK_AGAIN, OUT_OF_SERVICE, PASS, READY, Indicator


class Scene:
    """An indicator, its pins and its clock."""

    def __init__(self, fail_open=False, buzzer=True):
        self.clock = Clock(indicator)
        self.green, self.red, self.relay = Pin(), Pin(), Pin()
        self.buzzer = Buzzer() if buzzer else None
        self.lights = Indicator(self.green, self.red, self.buzzer, self.relay, fail_open)

    def after(self, ms, step=10):
        """(green, red, tone, relay) after so long; ticked all the while."""
        for _ in range(0, ms, step):
            self.clock.now += step
            self.lights.tick()
        return self.now()

    def now(self):
        return self.green.level, self.red.level, self.buzzer.tone if self.buzzer else 0, self.relay.level


def test_it_starts_out_of_service_with_the_relay_in_its_fail_state():
    assert Scene(fail_open=False).now() == (0, 1, 0, 0)
    assert Scene(fail_open=True).now() == (0, 1, 0, 1)


def test_out_of_service_blinks_red_slowly_for_ever():
    scene = Scene()
    assert [scene.after(800)[:2] for _ in range(4)] == [(0, 0), (0, 1), (0, 0), (0, 1)]


def test_a_pass_is_steady_green_and_opens_the_relay():
    for fail_open in (False, True):
        scene = Scene(fail_open)
        scene.lights.show(PASS, 3000)
        assert scene.now() == (1, 0, 1800, 1)
        assert scene.after(130) == (1, 0, 0, 1)
        assert {scene.after(7, step=1) for _ in range(300)} == {(1, 0, 0, 1)}


def test_look_again_blinks_both_and_keeps_the_relay_shut():
    scene = Scene(fail_open=True)
    scene.lights.show(LOOK_AGAIN, 3000)
    assert scene.now() == (1, 1, 1200, 0)
    assert scene.after(250) == (0, 0, 1200, 0)
    assert scene.after(250) == (1, 1, 0, 0)


def test_elevated_blinks_red_fast_and_keeps_the_relay_shut():
    scene = Scene(fail_open=True)
    scene.lights.show(ELEVATED, 3000)
    assert scene.now() == (0, 1, 700, 0)
    assert scene.after(120) == (0, 0, 700, 0)
    assert scene.after(120) == (0, 1, 700, 0)
    assert scene.after(1300)[2] == 0


def test_no_two_states_look_alike():
    seen = set()
    for state in (OUT_OF_SERVICE, PASS, LOOK_AGAIN, ELEVATED, READY):
        scene = Scene()
        scene.lights.show(state, 60000)
        seen.add(tuple(scene.after(50)[:2] for _ in range(40)))
    assert len(seen) == 5


def test_a_hold_ends_in_ready_even_where_the_clock_wraps():
    for state in (PASS, LOOK_AGAIN, ELEVATED):
        scene = Scene()
        scene.lights.show(state, 500)
        scene.after(490)
        assert scene.lights.state == state
        assert scene.after(10) == (0, 0, 0, 0)
        assert scene.lights.state == READY


def test_a_verdict_again_holds_from_then_on():
    scene = Scene()
    scene.lights.show(PASS, 500)
    scene.after(400)
    scene.lights.show(PASS, 500)
    scene.after(400)
    assert scene.lights.state == PASS
    scene.after(100)
    assert scene.lights.state == READY


def test_a_later_verdict_takes_the_place_of_the_one_before():
    scene = Scene()
    scene.lights.show(PASS, 5000)
    scene.after(50)
    scene.lights.show(ELEVATED, 500)
    assert scene.now() == (0, 1, 700, 0)
    assert scene.after(500) == (0, 0, 0, 0)


def test_out_of_service_ends_a_pass_at_once_and_its_tone():
    scene = Scene(fail_open=False)
    scene.lights.show(PASS, 5000)
    scene.lights.show(OUT_OF_SERVICE)
    assert scene.now() == (0, 1, 0, 0)
    scene.after(6000)
    assert scene.lights.state == OUT_OF_SERVICE


def test_the_same_state_shown_again_keeps_its_rhythm():
    scene = Scene()
    for _ in range(40):
        scene.lights.show(OUT_OF_SERVICE)
        scene.after(20)
    assert scene.now()[:2] == (0, 0)


def test_a_gate_without_a_buzzer_shows_the_same():
    scene = Scene(buzzer=False)
    scene.lights.show(ELEVATED, 500)
    assert scene.now() == (0, 1, 0, 0)
    assert scene.after(500) == (0, 0, 0, 0)
