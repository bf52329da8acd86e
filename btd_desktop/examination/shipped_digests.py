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
        "metrics": "f7392d31a0bff41c8d591b3578674e6f72fc5c78849c2d18d114130df3b541c2",
        "profiles": [
            "6e9cefa968d98cdc9b9b190fcd49e1f8a1340a4ee1461b2f52687f6c639f8d92",
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
