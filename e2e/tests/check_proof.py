"""Checks an export with proofs by docs/format/proof.md and the RFCs alone.

Python's standard library and `openssl`; nothing of Posthold. Proofs are evaluated by the recursive
definition of RFC 9162 (a path is taken apart from the root down), not by the loop that it gives.
"""

import base64
import hashlib
import pathlib
import subprocess
import sys
import tempfile

# An Ed25519 key as X.509 wants it (RFC 8410 §4): these bytes, then the 32 of the key.
SPKI = bytes.fromhex("302a300506032b6570032100")


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root_of(leaf, index, size, path):
    """The root of a tree of `size` leaves, by the definition of PATH(m, D[n])."""
    if size == 1:
        assert not path, "the proof is too long"
        return leaf
    assert path, "the proof is too short"
    k = 1
    while k * 2 < size:
        k *= 2
    if index < k:
        return sha(b"\x01", root_of(leaf, index, k, path[:-1]), path[-1])
    return sha(b"\x01", path[-1], root_of(leaf, index - k, size - k, path[:-1]))


def signed(note, key):
    """The text of a note that `key` signed, checked by OpenSSL."""
    name, number, public = key.split("+", 2)
    public = base64.b64decode(public)
    assert public[0] == 1
    assert sha(name.encode(), b"\n", public)[:4].hex() == number, "the number of the key"
    text, lines = note.rsplit("\n\n", 1)
    text += "\n"
    for line in lines.splitlines():
        dash, by, signature = line.split(" ")
        signature = base64.b64decode(signature)
        if dash == "\u2014" and by == name and signature[:4].hex() == number:
            break
    else:
        raise AssertionError("the key did not sign it")
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        (place / "text").write_bytes(text.encode())
        (place / "signature").write_bytes(signature[4:])
        (place / "key").write_bytes(SPKI + public[1:])
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-in", "text", "-sigfile", "signature"]
        command += ["-pubin", "-inkey", "key", "-keyform", "DER"]
        subprocess.run(command, cwd=place, check=True, capture_output=True)
    return text


def number_at(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return value, at


def placed(entry):
    """Id and length of the message that an entry places, and salt and hash of its detail."""
    kind, at = number_at(entry, 0)
    bits, at = entry[at], at + 1
    _, at = number_at(entry, at)
    salt, at = entry[at : at + 16], at + 16
    detail = None
    if bits & 1:
        detail, at = entry[at : at + 32], at + 32
    if kind != 1:
        return None, salt, detail
    if bits & 2:
        _, at = number_at(entry, at)
    message, at = entry[at : at + 32], at + 32
    length, at = number_at(entry, at)
    return (message, length), salt, detail


def main(out):
    messages = {}
    for path in out.rglob("*"):
        if path.is_file() and path.relative_to(out).parts[0] != "proof":
            messages[sha(path.read_bytes())] = path.stat().st_size
    covered = set()
    for store in (out / "proof").iterdir():
        if not store.is_dir():
            continue
        key = (store / "key.pub").read_text().splitlines()[-1]
        note = (store / "checkpoint").read_text()
        origin, size, root, *_ = signed(note, key).splitlines()
        for path in (store / "entries").glob("*.entry"):
            entry = path.read_bytes()
            proof, checkpoint = path.with_suffix(".tlog-proof").read_text().split("\n\n", 1)
            assert checkpoint == note
            start, index, *hashes = proof.splitlines()
            assert start == "c2sp.org/tlog-proof@v1" and index == f"index {path.stem}"
            hashes = [base64.b64decode(it) for it in hashes]
            computed = root_of(sha(b"\0", entry), int(path.stem), int(size), hashes)
            assert computed == base64.b64decode(root), path
            message, salt, detail = placed(entry)
            if detail is not None and path.with_suffix(".detail").exists():
                assert sha(salt, path.with_suffix(".detail").read_bytes()) == detail, path
            if message is not None:
                assert messages[message[0]] == message[1], path
                covered.add(message[0])
                statement = (store / "statements" / f"{path.stem}.txt").read_text()
                assert statement.startswith(f"Message: {message[0].hex()} "), statement
    assert covered == set(messages), "a file has no proof"
    print(f"{len(covered)} messages hold")


main(pathlib.Path(sys.argv[1]))
