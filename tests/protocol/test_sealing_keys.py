"""Keys against the golden vectors: HKDF as published, what adoption derives, what proves it."""

from golden import cases, error_of
from sealing_tools import unhexed

from doumen_wire import keys


def test_hkdf_gives_what_its_rfc_prints():
    for case in cases("sealing", "rfc5869"):
        secret, salt, label, key, out = unhexed(case, "secret", "salt", "label", "key", "out")
        assert keys.extract(salt, secret) == key, case["name"]
        assert keys.expand(key, label, case["size"]) == out, case["name"]


def test_hmac_takes_a_message_in_parts_and_a_key_of_any_length():
    for size in (0, 1, 63, 64, 65, 200):
        key = bytes(range(size % 200)) + bytes(size - size % 200)
        assert keys.hmac(key, b"one", b"", b"two") == keys.hmac(key, b"onetwo"), size
    # A key of exactly one block is used as it is; the value is CPython's.
    said = keys.hmac(bytes(range(64)), b"abc")
    assert said.hex() == "6ab541b4869dca71c4ca11d8bb1b02533b789a557583161429292c7404bc21f6"
    # RFC 4231, test case 6: a key longer than a block
    said = keys.hmac(b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First")
    assert said.hex() == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"


def test_expanding_has_an_end():
    assert keys.expand(bytes(32), b"", 0) == b""
    assert len(keys.expand(bytes(32), b"", 255 * 32)) == 255 * 32
    assert error_of(keys.expand, bytes(32), b"", 255 * 32 + 1) == "OutOfRangeError"


def test_provisioning_derives_the_golden_keys():
    for case in cases("sealing", "provisioning"):
        secret, device_id, *expected = unhexed(
            case, "secret", "device_id", "device_key", "chain_key", "id_key"
        )
        assert list(keys.provision(secret, device_id, case["epoch"])) == expected, case["name"]


def test_the_check_value_of_the_specification_comes_out():
    device_key = keys.provision(bytes(range(32)), bytes(range(0x40, 0x48)), 1)[0]
    assert device_key.hex() == "cc136a48944d87a5f65e669d2bc5754cb3a38a2abac075a0160d863271ef12cd"


def test_a_device_key_has_its_own_key_for_each_purpose():
    labels = {"session": keys.SESSION, "duty": keys.DUTY, "wipe": keys.WIPE, "nonce": keys.NONCE}
    for case in cases("sealing", "provisioning"):
        for name, label in labels.items():
            key = keys.derived(bytes.fromhex(case["device_key"]), label)
            assert key == bytes.fromhex(case[name]), (case["name"], name)


def test_the_proof_of_adoption_is_the_golden_one():
    for case in cases("sealing", "provisioning"):
        device_key, proof = unhexed(case, "device_key", "proof")
        assert keys.provisioned_proof(device_key) == proof, case["name"]


def test_a_proof_of_rotation_holds_in_its_session_and_for_its_key_only():
    for case in cases("sealing", "rotate"):
        secret, device_id, device_key, transcript, proof = unhexed(
            case, "secret", "device_id", "device_key", "transcript", "proof"
        )
        assert keys.provision(secret, device_id, case["epoch"])[0] == device_key
        assert keys.rotation_proof(device_key, transcript) == proof
        assert keys.rotation_proof(device_key, bytes(32)) != proof
        other = keys.provision(secret, device_id, case["epoch"] - 1)[0]
        assert keys.rotation_proof(other, transcript) != proof


def test_secrets_and_names_of_another_length_are_refused():
    for secret, device_id, epoch in (
        (31, 8, 1),
        (33, 8, 1),
        (32, 7, 1),
        (32, 9, 1),
        (32, 8, -1),
        (32, 8, 65536),
    ):
        assert error_of(keys.provision, bytes(secret), bytes(device_id), epoch) == "OutOfRangeError"


def test_byte_strings_are_compared_to_their_end():
    assert keys.same(b"", b"")
    assert keys.same(b"abc", b"abc")
    for other in (b"abd", b"bbc", b"ab", b"abcd", b""):
        assert not keys.same(b"abc", other)
