#!/usr/bin/env python3
"""Checks an export bundle by its manifest alone, without the service: `verify_bundle.py BUNDLE.zip PUBLIC_KEY`.

PUBLIC_KEY is the service's public key, which must come from elsewhere than the bundle: a PEM file, or the JSON of
GET /api/v1/privacy/signing-keys. Needs Python 3.9 and the package `cryptography`. Prints what it found;
exit status 0 only where all is as the manifest says.
"""

import base64
import collections
import hashlib
import json
import pathlib
import sys
import zipfile
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

BLOCK = 1 << 20
VERSION = 1
ARGUMENTS = 2

Manifest = dict[str, Any]
Counts = collections.Counter
Keys = dict[str, Ed25519PublicKey]


class Wrong(Exception):
    """Something is not as the manifest says."""


def verify(bundle: Any, public_keys: Keys) -> Manifest:
    """The manifest of the zip in the file `bundle`, if all in it is right. Raises Wrong, naming the first fault."""
    try:
        with zipfile.ZipFile(bundle) as archive:
            manifest = signed_manifest(archive, public_keys)
            counts = check_members(archive, manifest)
    except zipfile.BadZipFile as error:
        raise Wrong(f"the zip is damaged: {error}") from error
    check_counts(manifest, counts)
    return manifest


def signed_manifest(archive: zipfile.ZipFile, public_keys: Keys) -> Manifest:
    """The manifest, once its signature over its exact bytes is good."""
    names = archive.namelist()
    exact = read(archive, names, "manifest.json")
    manifest: Manifest = json.loads(exact)
    key_id = manifest["signature"]["key_id"]
    if key_id not in public_keys:
        raise Wrong(f"signed with the key {key_id}, which was not given")
    try:
        public_keys[key_id].verify(read(archive, names, manifest["signature"]["file"]), exact)
    except InvalidSignature:
        raise Wrong("the signature of the manifest is wrong") from None
    if manifest["schema_version"] != VERSION:
        raise Wrong("a manifest of a version that this script does not know")
    return manifest


def read(archive: zipfile.ZipFile, names: list[str], path: str) -> bytes:
    """A member that must be there, once."""
    if names.count(path) != 1:
        raise Wrong(f"{path} is there {names.count(path)} times")
    return archive.read(path)


def check_members(archive: zipfile.ZipFile, manifest: Manifest) -> Counts:
    """What the lines of all members count up to; each member is there, whole, and no other is."""
    expected = {member["path"] for member in manifest["members"]} | {"manifest.json", manifest["signature"]["file"]}
    found = sorted(archive.namelist())
    if found != sorted(expected):
        raise Wrong(f"missing, or not in the manifest: {sorted(expected.symmetric_difference(found))}")
    counts: Counts = Counts()
    last_seqs: dict[str, int] = {}
    for member in manifest["members"]:
        check_member(archive, member, counts, last_seqs)
    return counts


def check_member(archive: zipfile.ZipFile, member: dict[str, Any], counts: Counts, last_seqs: dict[str, int]) -> None:
    """Size, hash and number of lines of one member, read piece by piece."""
    digest, size, lines = hashlib.sha256(), 0, 0
    with archive.open(member["path"]) as content:
        for line in content if "records" in member else iter(lambda: content.read(BLOCK), b""):
            digest.update(line)
            size += len(line)
            lines += 1
            if "records" in member:
                count(member["path"].split("/")[0], json.loads(line), counts, last_seqs)
    if (size, digest.hexdigest()) != (member["size"], member["sha256"]):
        raise Wrong(f"{member['path']} is not the file that was signed")
    if "records" in member and lines != member["records"]:
        raise Wrong(f"{member['path']} has {lines} lines, the manifest says {member['records']}")


def count(section: str, line: dict[str, Any], counts: Counts, last_seqs: dict[str, int]) -> None:
    """Adds one line; messages of a thread stand in the order of their seq, each once."""
    counts[section] += 1
    if line.get("withheld"):
        counts[f"withheld_{section}"] += 1
    if section != "messages":
        return
    if line["seq"] <= last_seqs.get(line["thread_id"], 0):
        raise Wrong(f"thread {line['thread_id']}: seq {line['seq']} stands twice or out of order")
    last_seqs[line["thread_id"]] = line["seq"]
    counts["deleted_messages"] += line["deleted_at"] is not None
    if not line["withheld"]:
        counts["attachments"] += len(attachments(line["metadata"]))


def attachments(metadata: dict[str, Any]) -> list[Any]:
    """What a message refers to."""
    listed = metadata.get("attachments")
    return listed if isinstance(listed, list) else []


def check_counts(manifest: Manifest, counts: Counts) -> None:
    """The manifest's sums are those of the lines."""
    said = dict(manifest["counts"])
    said.update((one["what"], one["count"]) for one in manifest["left_out"] if one["what"].startswith("withheld_"))
    said.pop("withheld_read_marks", None)  # these have no lines
    wrong = {name for name in said if said[name] != counts[name]}
    wrong |= {name for name in counts if name not in said}
    if wrong:
        raise Wrong(f"the manifest's counts are wrong: {sorted(wrong)}")


def load_keys(path: str) -> Keys:
    """Public keys by their ids, of a PEM file or a JWK Set."""
    with pathlib.Path(path).open("rb") as file:
        content = file.read()
    if content.lstrip().startswith(b"{"):
        told = json.loads(content)
        raw = [base64.urlsafe_b64decode(one["x"] + "==") for one in told["keys"]]
        keys = [Ed25519PublicKey.from_public_bytes(one) for one in raw]
    else:
        keys = [one for one in [load_pem_public_key(content)] if isinstance(one, Ed25519PublicKey)]
    return {thumbprint(key): key for key in keys}


def thumbprint(key: Ed25519PublicKey) -> str:
    """A key's id, after RFC 7638."""
    x = base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    return base64url(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def main(arguments: list[str]) -> int:
    """Exit status 0 where the bundle is whole and signed, 1 where it is not, 2 where it was not called right."""
    if len(arguments) != ARGUMENTS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        manifest = verify(arguments[0], load_keys(arguments[1]))
    except Wrong as wrong:
        print(f"WRONG: {wrong}")
        return 1
    print(f"good: request {manifest['request_id']}, {json.dumps(manifest['counts'])}, {len(manifest['members'])} files")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
