"""Digests of the shipped models; written by models/make_manifest.py."""

from typing import Final, TypedDict


class _Shipped(TypedDict):
    digest: str
    metrics: str
    profiles: list[str]


MODELS: Final[dict[str, _Shipped]] = {
    "ct96-lean": {
        "digest": "648bbd30c67d9f418c537891f741f6a4f133f4640f5aefbdf7bca7166bd8f0bf",
        "metrics": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "profiles": [
            "7153ab9f93fedeceb285cb74316a69e78bcf5d72a14d5e3d582e3a9494acad80",
        ],
    },
    "ct96wide-lean": {
        "digest": "1b0b229abcc709d08b53a508cebb3ed61e4f54c1fb76311cc604011104f86f27",
        "metrics": "a577774b43d6065368d4dd2674fd576b16fdf96d3de64df15eeeff43667f6564",
        "profiles": [
            "5eddd7de2e2b9becb00fa1a51bafaa10d469f0a5b3afd14915f1f4b2a44560e9",
        ],
    },
    "mr128-lean": {
        "digest": "15bc95d7f9fb3d6b56a49792d473c149fdfccf5b78be4fc9898c81acfbcd2ac6",
        "metrics": "053aa8275056db81743391ac86537418f7bf9f528b70a11a790cb7f3af8801e0",
        "profiles": [
            "ae0f8183991079fbf78a5bf125505bb50a1e626dee71f92dc80abb300ddda7df",
        ],
    },
}
