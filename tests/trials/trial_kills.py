"""Nights that are killed, cut off and crowded at random moments, until the time is up; prints every trial.

Each trial begins after the first night of the small province. One to six times a night runs and its process, the server
or all its sessions end at a random moment, or a second night is started beside it; then comes one night that nothing
disturbs. Readers must see one night or the other all the while, and the state must be that of an undisturbed night.

    python tests/trials/trial_kills.py [MINUTES] [SEED]
"""

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "integration"))

from disturbed_night import Night
from small_province import SmallProvince, small_province
from state_hash import differences, published

ENDS = ("night", "night", "server", "sessions", "second night")


def main(minutes: float, seed: int) -> int:
    """Try for so long; 1 if any trial ended in another state."""
    chance, bad = random.Random(seed), 0  # noqa: S311 - no secret
    with small_province() as province:
        started = time.monotonic()
        province.begin_again()
        province.finish("measured")
        usual = time.monotonic() - started
        print(f"seed {seed}; a night takes {usual:.0f} s")
        trials, ended = 0, time.monotonic() + 60 * minutes
        while time.monotonic() < ended:
            trials += 1
            province.begin_again()
            story, wrong = [], []
            for _ in range(chance.randint(1, 6)):
                end, moment = chance.choice(ENDS), chance.uniform(0, usual)
                story.append(f"{end} after {moment:.1f} s")
                disturb(province, end, moment)
                if published(province.url) not in (province.before, province.after):
                    wrong.append(f"readers saw a mixture after {story[-1]}")
            province.finish()
            wrong += differences(province.state(), province.undisturbed)
            bad += bool(wrong)
            print(f"{trials}: {', '.join(story)}: {'; '.join(wrong) or 'as undisturbed'}", flush=True)
    print(f"{trials} trials, {bad} of them bad")
    return int(bad > 0)


def disturb(province: SmallProvince, end: str, moment: float) -> None:
    """Run a night, and end this after so many seconds."""
    night = Night(province.environment(), "disturbed", province.inbox)
    night.process.join(moment)
    if end == "second night":
        other = Night(province.environment(), "beside", province.inbox)
        other.ended_well()
        night.ended_well()
    elif end == "night":
        night.kill()
    elif end == "sessions":
        province.end_sessions()
        night.ended_well()
    else:
        province.kill_server()
        night.ended_well()
        province.server.start()


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(main(float(arguments[0]) if arguments else 30, int(arguments[1]) if arguments[1:] else time.time_ns()))
