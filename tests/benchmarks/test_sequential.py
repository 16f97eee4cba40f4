from benchmarks.sequential import Trail, line_of

FINISH = {"worst_gap_to_control": 0.02, "retain": 0.995, "control": 0.01}


def test_the_first_scheme_speaks_for_the_product() -> None:
    product = Trail(artifact_bytes=[100, 100, 101], finish=FINISH)
    other = Trail(artifact_bytes=[7, 7, 7], finish=FINISH | {"retain": 0.5})
    never = {"worst_gap_to_control": 0.1, "retain": 0.9}
    trails = {"chain": product, "merged": other}
    assert line_of(trails, requests=3, retrained=never) == {
        "requests": 3,
        "worst_gap_to_control": 0.02,
        "retain": 0.995,
        "artifact_bytes": [100, 101],
        "schemes": {"chain": FINISH, "merged": FINISH | {"retain": 0.5}},
        "retrained": never,
    }
