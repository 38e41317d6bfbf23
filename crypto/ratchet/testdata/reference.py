# SPDX-License-Identifier: MPL-2.0
"""A device of python-omemo for the tests: one command as a line of JSON on
standard input, one answer as a line of JSON on standard output. It has one
session at a time. Bytes are hexadecimal.

Arguments: the profile (0.3 or 2) and the sign of the identity in its Ed25519
form (0 or 1).
"""

import asyncio
import json
import sys

import omemo
import omemo.storage
import oldmemo
import twomemo
import x3dh
import xeddsa
from omemo.identity_key_pair import IdentityKeyPair
from oldmemo import oldmemo as v03
from twomemo import twomemo as v2

JID, OTHER, DEVICE = "reference@example.org", "tested@example.org", 2002
ORDER = 2**252 + 27742317777372353535851937790883648493


class Store(omemo.storage.Storage):
    def __init__(self):
        super().__init__(True)
        self.values = {}

    async def _load(self, key):
        if key in self.values:
            return omemo.storage.Just(self.values[key])
        return omemo.storage.Nothing()

    async def _store(self, key, value):
        self.values[key] = value

    async def _delete(self, key):
        self.values.pop(key, None)


class Device:
    async def start(self, profile, sign):
        self.module = v03 if profile == "0.3" else v2
        self.old = profile == "0.3"
        while True:
            store = Store()
            self.identity = (await IdentityKeyPair.get(store)).identity_key
            if self.identity[31] >> 7 == sign:
                break
        self.backend = v03.Oldmemo(store) if self.old else v2.Twomemo(store)
        await self.backend.generate_pre_keys(5)
        return self

    async def bundle(self, _):
        b = await self.backend.get_bundle(JID, DEVICE)
        keys = b.bundle
        prekey = sorted(keys.pre_keys)[0]
        answer = {
            "device": DEVICE, "signed": keys.signed_pre_key, "signed_id": b.signed_pre_key_id,
            "prekey": prekey, "prekey_id": b.pre_key_ids[prekey],
            "identity": keys.identity_key, "signature": keys.signed_pre_key_sig,
        }
        if self.old:
            signature = bytearray(keys.signed_pre_key_sig)
            signature[63] |= keys.identity_key[31] & 0x80
            answer.update({
                "identity": b"\5" + xeddsa.ed25519_pub_to_curve25519_pub(keys.identity_key),
                "signature": bytes(signature),
                "signed": b"\5" + answer["signed"], "prekey": b"\5" + answer["prekey"],
            })
        return answer

    async def initiate(self, c):
        """Starts a session with a bundle as it is published, and encrypts."""
        identity, signed, prekey = (bytes.fromhex(c[k]) for k in ("identity", "signed", "prekey"))
        signature = bytes.fromhex(c["signature"])
        if self.old:
            sign = bool(signature[63] & 0x80)
            signature = signature[:63] + bytes([signature[63] & 0x7f])
            identity = xeddsa.curve25519_pub_to_ed25519_pub(identity[1:], sign)
            signed, prekey = signed[1:], prekey[1:]
        keys = x3dh.Bundle(identity, signed, signature, frozenset([prekey]))
        b = self.module.BundleImpl(OTHER, c["device"], keys, c["signed_id"], {prekey: c["prekey_id"]})
        self.session, material = await self.backend.build_session_active(
            OTHER, c["device"], b, self.plain(c))
        return self.wire(material)

    async def accept(self, c):
        data = bytes.fromhex(c["wire"])
        if self.old:
            # The sign of the Ed25519 form does not matter in 0.3.
            exchange, data = self.module.KeyExchangeImpl.parse(data, False)
        else:
            exchange, data = self.module.KeyExchangeImpl.parse(data)
        material = self.module.EncryptedKeyMaterialImpl.parse(data, OTHER, 1001)
        self.session, plain = await self.backend.build_session_passive(OTHER, 1001, exchange, material)
        return {"plain": plain.key + plain.auth_tag}

    async def encrypt(self, c):
        return self.wire(await self.backend.encrypt_key_material(self.session, self.plain(c)))

    async def decrypt(self, c):
        data = bytes.fromhex(c["wire"])
        if c["kex"]:
            if self.old:
                _, data = self.module.KeyExchangeImpl.parse(data, False)
            else:
                _, data = self.module.KeyExchangeImpl.parse(data)
        material = self.module.EncryptedKeyMaterialImpl.parse(data, OTHER, 1001)
        plain = await self.backend.decrypt_key_material(self.session, material)
        self.session.confirm()
        return {"plain": plain.key + plain.auth_tag}

    async def sign(self, c):
        """Makes an XEdDSA signature with a given nonce, for the form with sign 0.
        The scalar is reduced by the order of the group (XEdDSA section 2.3); the
        library does that only when it negates one."""
        own = bytes.fromhex(c["private"])
        private = xeddsa.priv_force_sign(own, False)
        private = (int.from_bytes(private, "little") % ORDER).to_bytes(32, "little")
        message = bytes.fromhex(c["message"])
        curve = xeddsa.priv_to_curve25519_pub(own)
        return {
            "signature": xeddsa.ed25519_priv_sign(private, message, bytes.fromhex(c["nonce"])),
            "public": xeddsa.curve25519_pub_to_ed25519_pub(curve, False),
            "curve": curve,
        }

    async def verify(self, c):
        return {"ok": xeddsa.ed25519_verify(*(bytes.fromhex(c[k]) for k in ("signature", "public", "message")))}

    def plain(self, c):
        data = bytes.fromhex(c["plain"])
        size = self.module.PlainKeyMaterialImpl.KEY_LENGTH
        return self.module.PlainKeyMaterialImpl(data[:size], data[size:])

    def wire(self, material):
        data = material.serialize()
        kex = self.session.initiation is omemo.session.Initiation.ACTIVE and not self.session.confirmed
        if kex:
            data = self.session.key_exchange.serialize(data)
            if self.old:
                data = data[0]
        return {"wire": data, "kex": kex}


async def main(profile, sign):
    device = await Device().start(profile, int(sign))
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = await getattr(device, command["do"])(command)
            answer = {k: v.hex() if isinstance(v, bytes) else v for k, v in answer.items()}
        except Exception as error:
            answer = {"error": "%s: %s" % (type(error).__name__, error)}
        print(json.dumps(answer), flush=True)


asyncio.run(main(*sys.argv[1:3]))
