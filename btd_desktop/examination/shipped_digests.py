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
        "digest": "6871a69372b4f652b27ce03aa4a16aef62fbe0def19b6d5b9388f8f968451bab",
        "metrics": "1605f6e4262985d6b911cbaa4bc94b6c123b65828c1750345b341b77e2d918fa",
        "profiles": [
            "3daab65cf8d313c2801c80170ff879ddbd0018fc17ddc9f464d7d042f8cf5778",
        ],
    },
    "mr128-lean": {
        "digest": "12d6f80dd95cc8dd250383deb28afd7b26cc335b80185b7236dbbddc11744c05",
        "metrics": "fe5af275f2a0dfbb034376c89d4aec71eb1295f08075b25c7419029aba9fbbdb",
        "profiles": [
            "374628a13e73c51a9fbf2a378cf6cce5431ff5c99c40c41194bf2e7765819550",
        ],
    },
}
