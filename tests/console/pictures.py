"""``python -m tests.console.pictures FOLDER``: the pictures of docs/console.md, taken of a rollout under way."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.console.chromium import window
from tests.console.test_chromium import World
from tests.servers import ANY, options, started
from tidegate.clock import MovableClock


def main(folder: Path) -> None:
    """Take them."""
    with tempfile.TemporaryDirectory() as place:
        wanted = options(Path(place) / "data", console=ANY, auth=True, clock="movable", region="eu-west-1")
        with started(wanted) as server, window(Path(place) / "browser") as browser:
            assert isinstance(server.running.service.clock, MovableClock)
            world = World(server, browser)
            _rollout(world)
            world.signed_in()
            for name, path, height in (("jobs", "/jobs", 420), ("job", "/jobs/fix-pumps", 960)):
                world.open(path)
                browser.sees("Live.")
                if name == "job":
                    browser.sees("planned: the forecast")
                browser.picture(folder / f"console-{name}.png", 1000, height)
            world.open("/jobs/new?template=careful&group=all")
            browser.tab_to("Job id")
            browser.type("fix-pumps-2")
            browser.tab_to("Suppose")
            browser.type("30")
            browser.tab_to("Forecast")
            browser.press("Enter")
            browser.sees("What it would do")
            browser.picture(folder / "console-new.png", 1000, 760)


def _rollout(world: World) -> None:
    for number in range(10, 60):
        world.iot.create_thing(thingName=f"t{number}")
        world.iot.add_thing_to_thing_group(thingGroupName="all", thingName=f"t{number}")
    abort = {"failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 20, "minNumberOfExecutedThings": 15}
    settings = {
        "abortConfig": {"criteriaList": [abort]},
        "jobExecutionsRolloutConfig": {"maximumPerMinute": 5},
        "timeoutConfig": {"inProgressTimeoutInMinutes": 15},
    }
    world.iot.create_job_template(jobTemplateId="careful", description="Five a minute", document="{}", **settings)
    world.iot.create_job(
        jobId="fix-pumps", targets=[world.group], document="{}", description="Firmware 2.1", **settings
    )
    world.advance(1)
    for minute in range(6):
        for number in range(5 * minute, 5 * minute + 5):
            failed = number % 4 == 3 and number > 8
            reason = "checksum mismatch" if number % 8 == 3 else "disk full"
            world.report(
                "fix-pumps", number, "FAILED" if failed else "SUCCEEDED", **({"reason": reason} if failed else {})
            )
            world.advance(6)
            if world.iot.describe_job(jobId="fix-pumps")["job"]["status"] == "CANCELED":
                return
        world.advance(31)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
