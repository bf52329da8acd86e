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
    "ct96-reference8": {
        "digest": "47defb828ac06b3e2afa451bcf8365e766a86e77e46dabf51b1592b7e19a7daf",
        "metrics": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "profiles": [
            "dab5273e1ad3d77fdbd56501534dae363514b6c3263eb1929313fe00a49fff96",
        ],
    },
    "ct96wide-lean": {
        "digest": "7a65eed151a5326fe3163e860c13a29f9f70d7117a33eb997b40be055d8f335e",
        "metrics": "0e9b10d9dd25fe2faf45c4f23ba364535ed782f6f7135754b0fc76374aff8560",
        "profiles": [
            "b3424a4d5e4693a72d79d544d0fbb8ef8ca72c05c51e2c32dbae89fdb0ef0b86",
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
