# SPDX-License-Identifier: MPL-2.0
"""The XML of OMEMO, XEP-0384 0.3 and 0.8, to and from the objects of python-omemo."""

import base64
import secrets
import xml.etree.ElementTree as ET

import omemo
import oldmemo
import twomemo
import x3dh
import xeddsa
from oldmemo import oldmemo as v03
from twomemo import twomemo as v2

OLD, NEW = v03.NAMESPACE, v2.NAMESPACE
PROFILES = {"0.3": OLD, "2": NEW}
NAMES = {namespace: name for name, namespace in PROFILES.items()}
SCE = "urn:xmpp:sce:1"
CLIENT = "jabber:client"


def b64(data):
    return base64.b64encode(data).decode()


def unb64(element):
    return base64.b64decode("".join((element.text or "").split()))


def sub(parent, name, text=None, **attributes):
    """Adds a child in the namespace of its parent."""
    child = ET.SubElement(parent, parent.tag[:parent.tag.index("}") + 1] + name, attributes)
    child.text = text
    return child


def fingerprint(identity_key):
    """The Curve25519 form of an Ed25519 identity key, as 64 hexadecimal digits."""
    return xeddsa.ed25519_pub_to_curve25519_pub(identity_key).hex()


def devices_node(namespace):
    return OLD + ".devicelist" if namespace == OLD else NEW + ":devices"


def bundle_place(namespace, device):
    """The node and the item of a bundle."""
    if namespace == OLD:
        return "%s.bundles:%d" % (OLD, device), "current"
    return NEW + ":bundles", str(device)


def devices_xml(namespace, devices):
    root = ET.Element("{%s}%s" % (namespace, "list" if namespace == OLD else "devices"))
    for device, label in devices.items():
        attributes = {"id": str(device)}
        if label and namespace == NEW:
            attributes["label"] = label
        sub(root, "device", **attributes)
    return root


def parse_devices(namespace, root):
    return {int(d.get("id")): d.get("label") for d in root.findall("{%s}device" % namespace)}


def bundle_xml(bundle):
    root = ET.Element("{%s}bundle" % bundle.namespace)
    keys = bundle.bundle
    if bundle.namespace == NEW:
        sub(root, "spk", b64(keys.signed_pre_key), id=str(bundle.signed_pre_key_id))
        sub(root, "spks", b64(keys.signed_pre_key_sig))
        sub(root, "ik", b64(keys.identity_key))
        prekeys = sub(root, "prekeys")
        for key, number in bundle.pre_key_ids.items():
            sub(prekeys, "pk", b64(key), id=str(number))
        return root
    # 0.3 carries the Curve25519 form; the sign bit of the Ed25519 form travels in
    # the last bit of the signature.
    signature = bytearray(keys.signed_pre_key_sig)
    signature[63] |= keys.identity_key[31] & 0x80
    identity = xeddsa.ed25519_pub_to_curve25519_pub(keys.identity_key)
    sub(root, "signedPreKeyPublic", b64(b"\5" + keys.signed_pre_key), signedPreKeyId=str(bundle.signed_pre_key_id))
    sub(root, "signedPreKeySignature", b64(bytes(signature)))
    sub(root, "identityKey", b64(b"\5" + identity))
    prekeys = sub(root, "prekeys")
    for key, number in bundle.pre_key_ids.items():
        sub(prekeys, "preKeyPublic", b64(b"\5" + key), preKeyId=str(number))
    return root


def strip5(key):
    """Takes the type byte off a 0.3 key."""
    if len(key) != 33 or key[0] != 5:
        raise ValueError("not a Curve25519 key with type byte")
    return key[1:]


def parse_bundle(namespace, jid, device, root):
    def child(name):
        return root.find("{%s}%s" % (namespace, name))

    if namespace == NEW:
        ids = {unb64(pk): int(pk.get("id")) for pk in child("prekeys")}
        keys = x3dh.Bundle(unb64(child("ik")), unb64(child("spk")), unb64(child("spks")), frozenset(ids))
        return v2.BundleImpl(jid, device, keys, int(child("spk").get("id")), ids)
    ids = {strip5(unb64(pk)): int(pk.get("preKeyId")) for pk in child("prekeys")}
    signature = bytearray(unb64(child("signedPreKeySignature")))
    sign_bit = bool(signature[63] & 0x80)
    signature[63] &= 0x7f
    identity = xeddsa.curve25519_pub_to_ed25519_pub(strip5(unb64(child("identityKey"))), sign_bit)
    signed = child("signedPreKeyPublic")
    keys = x3dh.Bundle(identity, strip5(unb64(signed)), bytes(signature), frozenset(ids))
    return v03.BundleImpl(jid, device, keys, int(signed.get("signedPreKeyId")), ids)


def message_xml(message):
    root = ET.Element("{%s}encrypted" % message.namespace)
    header = sub(root, "header", sid=str(message.device_id))
    groups = {}
    for material, exchange in message.keys:
        data = material.serialize()
        attributes = {"rid": str(material.device_id)}
        if message.namespace == NEW:
            if exchange is not None:
                data, attributes["kex"] = exchange.serialize(data), "true"
            if material.bare_jid not in groups:
                groups[material.bare_jid] = sub(header, "keys", jid=material.bare_jid)
            sub(groups[material.bare_jid], "key", b64(data), **attributes)
        else:
            if exchange is not None:
                data, attributes["prekey"] = exchange.serialize(data)[0], "true"
            sub(header, "key", b64(data), **attributes)
    if message.namespace == OLD:
        sub(header, "iv", b64(message.content.initialization_vector))
    if not message.content.empty:
        sub(root, "payload", b64(message.content.ciphertext))
    return root


def parse_message(root, sender, own_jid, own_device, sign_bit_of):
    """Parses <encrypted/>. sign_bit_of tells the sign bit that belongs to a
    Curve25519 identity key. Only the key for the own device is kept."""
    namespace = root.tag[1:root.tag.index("}")]
    header = root.find("{%s}header" % namespace)
    payload = root.find("{%s}payload" % namespace)
    keys = set()
    if namespace == NEW:
        content = v2.ContentImpl(unb64(payload)) if payload is not None else v2.ContentImpl.make_empty()
        for group in header.findall("{%s}keys" % NEW):
            for key in group.findall("{%s}key" % NEW):
                if group.get("jid") != own_jid or int(key.get("rid")) != own_device:
                    continue
                data, exchange = unb64(key), None
                if key.get("kex") in ("true", "1"):
                    exchange, data = v2.KeyExchangeImpl.parse(data)
                keys.add((v2.EncryptedKeyMaterialImpl.parse(data, own_jid, own_device), exchange))
    else:
        iv = unb64(header.find("{%s}iv" % OLD))
        content = v03.ContentImpl(unb64(payload), iv) if payload is not None else v03.ContentImpl.make_empty()
        for key in header.findall("{%s}key" % OLD):
            if int(key.get("rid")) != own_device:
                continue
            data, exchange = unb64(key), None
            if key.get("prekey") in ("true", "1"):
                exchange, _ = v03.KeyExchangeImpl.parse(data, False)
                curve = xeddsa.ed25519_pub_to_curve25519_pub(exchange.identity_key)
                exchange, data = v03.KeyExchangeImpl.parse(data, sign_bit_of(curve))
            keys.add((v03.EncryptedKeyMaterialImpl.parse(data, own_jid, own_device), exchange))
    return omemo.Message(namespace, sender, int(header.get("sid")), content, frozenset(keys))


def wrap(namespace, body, sender, room=None):
    """The plain text a profile encrypts: the body, or an envelope (XEP-0420)."""
    if namespace == OLD:
        return body.encode()
    root = ET.Element("{%s}envelope" % SCE)
    ET.SubElement(sub(root, "content"), "{%s}body" % CLIENT).text = body
    sub(root, "rpad", secrets.token_urlsafe(secrets.randbelow(150)))
    sub(root, "from", jid=sender)
    if room:
        sub(root, "to", jid=room)
    return ET.tostring(root)


def unwrap(namespace, plaintext):
    if namespace == OLD:
        return plaintext.decode()
    root = ET.fromstring(plaintext)
    return root.findtext("{%s}content/{%s}body" % (SCE, CLIENT))
